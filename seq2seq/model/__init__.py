"""The network: encoder, bridge, decoder."""
