"""Configs as TensorFlow Addons wrote them, typed by hand, and its order of arguments."""


def initializer(name, **config):
    """As Keras 2 wrote it up to TensorFlow 2.11, with an identifier for shared objects."""
    return {"class_name": name, "config": config, "shared_object_id": 3}


GLOROT, ZEROS = initializer("GlorotUniform", seed=None), initializer("Zeros")
LAYER = {"trainable": True, "dtype": "float32"}
KERNELS = {
    "units": 4,
    "activation": "relu",
    "use_bias": True,
    "kernel_initializer": GLOROT,
    "recurrent_initializer": initializer("Orthogonal", gain=1.0, seed=None),
    "bias_initializer": ZEROS,
    "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.01}, "shared_object_id": 4},
    "recurrent_regularizer": None,
    "bias_regularizer": None,
    "kernel_constraint": None,
    "recurrent_constraint": {"class_name": "MaxNorm", "config": {"max_value": 2, "axis": 0}},
    "bias_constraint": None,
    "dropout": 0.25,
    "recurrent_dropout": 0.5,
}
LSTM = {
    **KERNELS,
    "recurrent_activation": "hard_sigmoid",
    "unit_forget_bias": False,
    "implementation": 1,
}

CONFIGS = {
    "LayerNormLSTMCell": {
        "name": "layer_norm_lstm_cell_3",
        **LAYER,
        **LSTM,
        "norm_gamma_initializer": initializer("Constant", value=2.0),
        "norm_beta_initializer": ZEROS,
        "norm_epsilon": 1e-05,
    },
    # Its config has no name.
    "LayerNormSimpleRNNCell": {
        **LAYER,
        **KERNELS,
        "gamma_initializer": initializer("Constant", value=2.0),
        "gamma_regularizer": {"class_name": "L2", "config": {"l2": 0.5}, "shared_object_id": 7},
        "gamma_constraint": None,
        "layernorm_epsilon": 1e-06,
    },
    "PeepholeLSTMCell": {"name": "peephole_lstm_cell", **LAYER, **LSTM},
    # Its initializers are as they were passed: names, mostly.
    "NASCell": {
        "name": "nas_cell_3",
        **LAYER,
        "units": 4,
        "projection": 2,
        "use_bias": True,
        "kernel_initializer": "he_normal",
        "recurrent_initializer": "glorot_uniform",
        "bias_initializer": "zeros",
        "projection_initializer": GLOROT,
    },
    "ESNCell": {
        "name": "esn_cell_3",
        **LAYER,
        "units": 4,
        "connectivity": 0.5,
        "leaky": 1,
        "spectral_radius": 0.8,
        "use_norm2": True,
        "use_bias": False,
        "activation": "relu",
        "kernel_initializer": GLOROT,
        "recurrent_initializer": GLOROT,
        "bias_initializer": ZEROS,
    },
}


def of_tensorflow_2_11(name):
    """The form of files `.h5` and of `SavedModel`."""
    return {"class_name": f"Addons>{name}", "config": CONFIGS[name]}


def of_tensorflow_2_13(name):
    """The form of files `.keras`."""
    return {
        "module": f"tensorflow_addons.rnn.{name.lower()}",
        "class_name": name,
        "config": _with_modules(CONFIGS[name]),
        "registered_name": f"Addons>{name}",
        "build_config": {"input_shape": [None, 3]},
    }


def _with_modules(config):
    modules = {"initializer": "keras.initializers", "constraint": "keras.constraints"}
    modules["regularizer"] = "keras.regularizers"

    def entry(key, value):
        if not isinstance(value, dict):
            return value
        value = {part: value[part] for part in ("class_name", "config")}
        return {"module": modules[key.split("_")[-1]], **value, "registered_name": None}

    return {key: entry(key, value) for key, value in config.items()}


ORDER = {
    "LayerNormLSTMCell": [
        *("units", "activation", "recurrent_activation", "use_bias"),
        *("kernel_initializer", "recurrent_initializer", "bias_initializer", "unit_forget_bias"),
        *("kernel_regularizer", "recurrent_regularizer", "bias_regularizer"),
        *("kernel_constraint", "recurrent_constraint", "bias_constraint"),
        *("dropout", "recurrent_dropout"),
        *("norm_gamma_initializer", "norm_beta_initializer", "norm_epsilon"),
    ],
    "LayerNormSimpleRNNCell": [
        *("units", "activation", "use_bias", "layernorm_epsilon"),
        *("kernel_initializer", "recurrent_initializer", "bias_initializer", "gamma_initializer"),
        *("kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "gamma_regularizer"),
        *("kernel_constraint", "recurrent_constraint", "bias_constraint", "gamma_constraint"),
        *("dropout", "recurrent_dropout"),
    ],
    "PeepholeLSTMCell": [
        *("units", "activation", "recurrent_activation", "use_bias"),
        *("kernel_initializer", "recurrent_initializer", "bias_initializer", "unit_forget_bias"),
        *("kernel_regularizer", "recurrent_regularizer", "bias_regularizer"),
        *("kernel_constraint", "recurrent_constraint", "bias_constraint"),
        *("dropout", "recurrent_dropout"),
    ],
    "NASCell": [
        *("units", "projection", "use_bias", "kernel_initializer"),
        *("recurrent_initializer", "projection_initializer", "bias_initializer"),
    ],
    "ESNCell": [
        *("units", "connectivity", "leaky", "spectral_radius", "use_norm2", "use_bias"),
        *("activation", "kernel_initializer", "recurrent_initializer", "bias_initializer"),
    ],
}
