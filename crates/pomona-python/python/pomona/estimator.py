"""What makes a class an estimator of scikit-learn: its base classes where it is installed, and the same habits where it is not."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from pomona.errors import need

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[Any]]

_Self = TypeVar("_Self", bound="Plain")


class Plain:
    """An estimator without scikit-learn: parameters are the arguments of `__init__`."""

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in inspect.signature(cls).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by their names."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self: _Self, **parameters: Any) -> _Self:
        """Sets parameters by their names, and returns the estimator.

        Raises:
            ValueError: There is no such parameter.
        """
        for name, value in parameters.items():
            if name not in self._names():
                raise ValueError(f"Invalid parameter {name!r} for estimator {self}. Valid parameters are: {self._names()!r}.")
            setattr(self, name, value)
        return self

    def fit_transform(self, X: Any, y: Any = None, **options: Any) -> Any:
        """`fit(X).transform(X)`."""
        estimator: Any = self
        return estimator.fit(X, y, **options).transform(X)

    def get_feature_names_out(self, input_features: object = None) -> Array:
        """The names of the columns that `transform` returns: `pca0`, `pca1`, …"""
        (numpy,) = need("get_feature_names_out()", "numpy")
        estimator: Any = self
        name = type(self).__name__.lower()
        names: Array = numpy.asarray([f"{name}{number}" for number in range(estimator._n_features_out)], dtype=object)
        return names

    def __repr__(self) -> str:
        defaults = {name: one.default for name, one in inspect.signature(type(self)).parameters.items()}
        changed = [f"{name}={value!r}" for name, value in self.get_params().items() if value is not defaults[name]]
        return f"{type(self).__name__}({', '.join(changed)})"


class PlainNotFittedError(ValueError, AttributeError):
    """An estimator is used before it has seen any rows."""


if TYPE_CHECKING:

    class Transformer(Plain):
        """A transformer, of scikit-learn where it is installed."""

        n_features_in_: int

    NotFittedError = PlainNotFittedError
else:
    try:
        from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
        from sklearn.exceptions import NotFittedError
    except ImportError:
        Transformer = Plain
        NotFittedError = PlainNotFittedError
    else:

        class Transformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
            """A transformer of scikit-learn."""


def checked_rows(estimator: Any, X: Any, *, reset: bool, minimum: int = 1) -> Array:
    """Rows as an array [n, d] of float32 or float64 in the order of C, with the checks and the words of scikit-learn.

    Args:
        estimator: Whose rows they are; `n_features_in_`, and of a frame `feature_names_in_`, are set or compared.
        X: The rows.
        reset: Whether these are its first rows.
        minimum: How many rows there must be.

    Raises:
        ValueError: The rows are not two-dimensional, not finite, complex, too few, or of another length.
        TypeError: The rows are sparse, or no numbers.
    """
    (numpy,) = need(type(estimator).__name__, "numpy")
    try:
        from sklearn.utils.validation import validate_data
    except ImportError:
        return _checked_plainly(estimator, X, reset, minimum)
    rows: Array = validate_data(
        estimator, X, reset=reset, dtype=[numpy.float64, numpy.float32], order="C", ensure_min_samples=minimum
    )
    return rows


def checked_array(name: str, X: Any, minimum: int = 1) -> Array:
    """An array [n, d] of finite numbers, float32 or float64, in the order of C."""
    (numpy,) = need(name, "numpy")
    if hasattr(X, "toarray") and hasattr(X, "tocsr"):
        raise TypeError(f"Sparse data was passed for X, but dense data is required by {name}. Use '.toarray()' to convert to a dense array.")
    array = numpy.asarray(X)
    if numpy.iscomplexobj(array):
        raise ValueError(f"Complex data not supported\n{array}\n")
    if array.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {array.ndim}D array instead. Reshape your data either using array.reshape(-1, 1) if your data has "
            "a single feature or array.reshape(1, -1) if it contains a single sample."
        )
    if array.dtype not in (numpy.float32, numpy.float64):
        array = array.astype(numpy.float64)
    for count, least, what in ((array.shape[0], minimum, "sample"), (array.shape[1], 1, "feature")):
        if count < least:
            raise ValueError(f"Found array with {count} {what}(s) (shape={array.shape}) while a minimum of {least} is required by {name}.")
    if not numpy.isfinite(array).all():
        found = "NaN" if numpy.isnan(array).any() else f"infinity or a value too large for {array.dtype!r}"
        raise ValueError(f"Input X contains {found}.")
    rows: Array = numpy.ascontiguousarray(array)
    return rows


def _checked_plainly(estimator: Any, X: Any, reset: bool, minimum: int) -> Array:
    name = type(estimator).__name__
    rows = checked_array(name, X, minimum)
    if reset:
        estimator.n_features_in_ = rows.shape[1]
    elif rows.shape[1] != estimator.n_features_in_:
        raise ValueError(f"X has {rows.shape[1]} features, but {name} is expecting {estimator.n_features_in_} features as input.")
    return rows
