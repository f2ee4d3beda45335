"""`PCA`: principal components with the habits of scikit-learn, which merge."""

from __future__ import annotations

import copy
import numbers
from typing import TYPE_CHECKING, Any

from pomona import _native
from pomona.errors import need
from pomona.estimator import NotFittedError, Transformer, checked_array, checked_rows

if TYPE_CHECKING:
    from pomona.estimator import Array


class PCA(Transformer):
    """Principal components, as scikit-learn's `PCA(svd_solver="covariance_eigh")` computes them.

        >>> import numpy
        >>> x = con.sql("SELECT mobilenet_v2(content) AS features FROM images ORDER BY path").to_numpy()
        >>> pca = pomona.PCA(n_components=10).fit(x)
        >>> pca.transform(x).shape
        (48, 10)

    What a fit needs of the rows are their moments: they are gathered in one pass, with all cores, in double precision also of float32,
    and those of parts merge exactly, in any order. So `partial_fit` gives the numbers of `fit` on all rows, unlike `IncrementalPCA`, and
    `merge` puts together what several processes have seen:

        >>> parts = [pomona.PCA(10).partial_fit(part) for part in numpy.array_split(x, 4)]
        >>> whole = pomona.PCA(10)
        >>> for part in parts:
        ...     whole = whole.merge(part)
        >>> bool(numpy.allclose(whole.components_, pca.components_, atol=1e-7))
        True

    With scikit-learn installed it is one of its estimators, for `Pipeline`, `clone`, `set_output`; it needs NumPy alone.

    Args:
        n_components: How many components to keep, the share of the variance to keep (between 0 and 1), or `None` for min(n, d).
        whiten: Whether `transform` divides each component by its standard deviation.

    Attributes:
        components_: [n_components, d], a row a component in descending order of variance; the value of a row that is largest by its
            absolute value is positive, as in scikit-learn.
        explained_variance_: [n_components], divided by n - 1.
        explained_variance_ratio_: [n_components], shares of the variance of all components.
        singular_values_: [n_components], of the centred rows.
        mean_: [d].
        noise_variance_: The mean variance of the components that are not kept.
        n_components_: How many components there are.
        n_samples_: How many rows were seen.
        n_features_in_: d.

    They are float64, whatever the rows are. After `partial_fit` and `merge` they are computed when they are first asked for.
    """

    def __init__(self, n_components: int | float | None = None, *, whiten: bool = False) -> None:
        self.n_components = n_components
        self.whiten = whiten

    def fit(self, X: Any, y: Any = None) -> PCA:
        """Fits the components to rows [n, d] of numbers, and forgets rows that were seen before.

        Raises:
            ValueError: The rows are not two-dimensional or not finite, or are fewer than the components.
            TypeError: The rows are sparse.
        """
        rows = checked_rows(self, X, reset=True, minimum=2)
        moments = _native.Moments(rows.shape[1])
        moments.partial(rows)
        self._moments = moments
        self._solution: dict[str, Any] | None = self._solved()
        return self

    def partial_fit(self, X: Any, y: Any = None) -> PCA:
        """Adds rows [n, d] to those that were seen. One row is enough.

        Raises:
            ValueError: As `fit`; then no row has been added.
        """
        is_first = not self.__sklearn_is_fitted__()
        rows = checked_rows(self, X, reset=is_first)
        if is_first:
            self._moments = _native.Moments(rows.shape[1])
        self._moments.partial(rows)
        self._solution = None
        return self

    def merge(self, other: PCA) -> PCA:
        """Adds the rows that another has seen, exactly: as if this had seen them itself. The other stays as it is.

        Raises:
            NotFittedError: The other has seen no rows.
            ValueError: The other's rows have another length, or columns of other names.
        """
        if not isinstance(other, PCA):
            raise TypeError(f"merge() takes another PCA, not {type(other).__name__}")
        other._check_fitted()
        names = [getattr(one, "feature_names_in_", None) for one in (self, other)]
        if not self.__sklearn_is_fitted__():
            self._moments = _native.Moments(other.n_features_in_)
            self.n_features_in_ = other.n_features_in_
            if names[1] is not None:
                self.feature_names_in_ = names[1]
        elif self.n_features_in_ != other.n_features_in_:
            raise ValueError(f"the other PCA has seen rows of {other.n_features_in_} features, and this one rows of {self.n_features_in_}")
        elif names[0] is not None and names[1] is not None and list(names[0]) != list(names[1]):
            raise ValueError("the other PCA has seen columns of other names, or in another order")
        # Itself is another whose rows count again.
        self._moments.merge(copy.deepcopy(other._moments) if other is self else other._moments)
        self._solution = None
        return self

    def transform(self, X: Any) -> Array:
        """Projects rows [n, d] on the components: [n, n_components], float32 of float32 and else float64."""
        self._check_fitted()
        rows = checked_rows(self, X, reset=False)
        (numpy,) = need("PCA", "numpy")
        projected: Array = numpy.asarray(_native.project(rows, self.mean_, self.components_))
        if not projected.flags.writeable:
            projected = projected.copy()
        if self.whiten:
            projected /= self._scale().astype(projected.dtype)
        return projected

    def inverse_transform(self, X: Any) -> Array:
        """Returns the rows [n, d] whose projections are [n, n_components]: what the components keep of the rows."""
        self._check_fitted()
        projected = checked_array("PCA", X)
        if projected.shape[1] != self.n_components_:
            raise ValueError(f"X has {projected.shape[1]} components, but PCA has {self.n_components_}")
        components = self.components_ * self._scale()[:, None] if self.whiten else self.components_
        restored: Array = (projected @ components + self.mean_).astype(projected.dtype)
        return restored

    @property
    def components_(self) -> Array:
        return self._array("components")

    @property
    def explained_variance_(self) -> Array:
        return self._array("explained_variance")

    @property
    def explained_variance_ratio_(self) -> Array:
        return self._array("explained_variance_ratio")

    @property
    def singular_values_(self) -> Array:
        return self._array("singular_values")

    @property
    def mean_(self) -> Array:
        return self._array("mean")

    @property
    def noise_variance_(self) -> float:
        variance: float = self._fitted("noise_variance")
        return variance

    @property
    def n_components_(self) -> int:
        return len(self._fitted("components"))

    @property
    def n_samples_(self) -> int:
        self._check_fitted()
        return self._moments.count

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_moments")

    def __sklearn_tags__(self) -> Any:
        base: Any = super()
        tags = base.__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _check_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with appropriate arguments before using this estimator."
            )

    def _fitted(self, name: str) -> Any:
        self._check_fitted()
        if self._solution is None:
            self._solution = self._solved()
        return self._solution[name]

    def _array(self, name: str) -> Array:
        array: Array = self._fitted(name)
        return array

    def _scale(self) -> Array:
        """Standard deviations, as scikit-learn whitens: never smaller than the precision of a number."""
        (numpy,) = need("PCA", "numpy")
        scale: Array = numpy.maximum(numpy.sqrt(self.explained_variance_), numpy.finfo(numpy.float64).eps)
        return scale

    def _solved(self) -> dict[str, Any]:
        """The components of the moments."""
        (numpy,) = need("PCA", "numpy")
        count, dimension = self._moments.count, self._moments.dimension
        if count < 2:
            raise ValueError(f"principal components need 2 rows or more, and {type(self).__name__} has seen n_samples={count}")
        model = self._moments.solve(self._asked(min(count, dimension)))
        kept = model["k"]
        variance, ratio = numpy.array(model["explained_variance"]), numpy.array(model["explained_variance_ratio"])
        return {
            "mean": numpy.array(model["mean"]),
            "components": numpy.array(model["components"]),
            "explained_variance": variance[:kept].copy(),
            "explained_variance_ratio": ratio[:kept].copy(),
            "singular_values": numpy.sqrt(variance[:kept] * (count - 1)),
            "noise_variance": float(variance[kept:].mean()) if kept < min(count, dimension) else 0.0,
        }

    def _asked(self, possible: int) -> int | float:
        """`n_components` as a count, or a share of the variance.

        Raises:
            ValueError: It is neither, or more than the rows allow.
        """
        asked = self.n_components
        if asked is None:
            return possible
        if isinstance(asked, numbers.Integral) and not isinstance(asked, bool):
            if 1 <= asked <= possible:
                return int(asked)
            raise ValueError(f"n_components={asked} must be between 1 and min(n_samples, n_features)={possible}")
        if isinstance(asked, numbers.Real) and not isinstance(asked, bool) and 0 < asked < 1:
            return float(asked)
        raise ValueError(f"n_components={asked!r} must be None, a whole number from 1 on, or a share of the variance between 0 and 1")
