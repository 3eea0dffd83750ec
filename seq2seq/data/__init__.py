"""Text to batches: corpus, tokenizer, batches. Import the modules: `corpus` needs no TensorFlow."""
