"""The time loop: it runs any step function over a sequence and knows no cell."""

from keras_rnn.scan.loop import PureStep, ScanResult, scan
from keras_rnn.scan.plan import ImpureStepError

__all__ = ["ImpureStepError", "PureStep", "ScanResult", "scan"]
