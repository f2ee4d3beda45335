"""`pomona.PCA`: scikit-learn's numbers, names and habits; parts merge to the whole."""

import copy
import pickle

import numpy
import pandas
import pytest
from conftest import python
from sklearn.base import clone
from sklearn.decomposition import PCA as Reference
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import pomona

ARRAYS = ["components_", "explained_variance_", "explained_variance_ratio_", "singular_values_", "mean_", "noise_variance_"]


def rows(n, d, seed=0, dtype=numpy.float64):
    """Rows whose columns depend on one another, far from zero."""
    random = numpy.random.default_rng(seed)
    return (random.normal(size=(n, d)) @ random.normal(size=(d, d)) + 5).astype(dtype)


def same(mine, theirs, tolerance):
    for name in ARRAYS:
        expected = numpy.asarray(getattr(theirs, name))
        found = numpy.asarray(getattr(mine, name))
        assert found.shape == expected.shape and found.dtype == numpy.float64
        assert numpy.abs(found - expected).max(initial=0) <= tolerance * max(1.0, numpy.abs(expected).max(initial=0)), name


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("n_components", [None, 1, 7, 0.9])
@pytest.mark.parametrize("shape", [(200, 20), (30, 40)])
def test_the_numbers_are_those_of_scikit_learn(shape, n_components, whiten):
    x = rows(*shape)
    reference = Reference(n_components, whiten=whiten, svd_solver="covariance_eigh").fit(x)
    pca = pomona.PCA(n_components, whiten=whiten).fit(x)
    assert (pca.n_components_, pca.n_samples_, pca.n_features_in_) == (reference.n_components_, *shape)
    assert type(pca.n_components_) is int
    if shape[0] > shape[1]:
        same(pca, reference, 1e-9)
        assert numpy.abs(pca.transform(x) - reference.transform(x)).max() < 1e-7
    else:
        # Components without variance are arbitrary: what is kept of the others is compared.
        kept = min(reference.n_components_, shape[0] - 1)
        assert numpy.allclose(pca.components_[:kept], reference.components_[:kept], atol=1e-7)
        assert numpy.allclose(pca.explained_variance_, reference.explained_variance_, atol=1e-9 * pca.explained_variance_[0])
    if not whiten or shape[0] > shape[1]:
        restored = pca.inverse_transform(pca.transform(x))
        assert numpy.abs(restored - reference.inverse_transform(reference.transform(x))).max() < 1e-7


def test_features_of_images(features):
    reference = Reference(10, svd_solver="covariance_eigh").fit(features.astype(numpy.float64))
    pca = pomona.PCA(10).fit(features)
    same(pca, reference, 1e-7)
    projected = pca.transform(features)
    assert projected.dtype == numpy.float32 and projected.shape == (48, 10) and projected.flags.writeable
    assert numpy.abs(projected - reference.transform(features.astype(numpy.float64))).max() < 1e-4


def test_parts_are_the_whole():
    x = rows(500, 30)
    whole = pomona.PCA(8).fit(x)
    parts = numpy.array_split(x, [1, 2, 100, 101, 350])
    seen = pomona.PCA(8)
    for part in parts:
        assert seen.partial_fit(part) is seen
    same(seen, whole, 1e-12)
    merged = pomona.PCA(8)
    for part in reversed(parts):
        assert merged.merge(pomona.PCA().partial_fit(part)) is merged
    same(merged, whole, 1e-12)
    assert merged.n_samples_ == 500 and merged.n_features_in_ == 30
    # The other is as it was, and rows that come later count too.
    other = pomona.PCA(8).fit(x[:400])
    pomona.PCA(8).merge(other).partial_fit(x[:10])
    assert other.n_samples_ == 400
    same(other.partial_fit(x[400:]), whole, 1e-12)
    # fit forgets.
    assert other.fit(x[:50]).n_samples_ == 50
    twice = pomona.PCA(8).fit(x)
    assert twice.merge(twice).n_samples_ == 1000
    same(twice, pomona.PCA(8).fit(numpy.vstack([x, x])), 1e-12)


def test_rows_far_from_zero_keep_their_digits():
    x = rows(300, 10)
    far = pomona.PCA(5).partial_fit(x[:100] + 1e8).merge(pomona.PCA().partial_fit(x[100:] + 1e8))
    assert numpy.allclose(far.explained_variance_, pomona.PCA(5).fit(x + 1e8).explained_variance_, rtol=1e-9)
    assert numpy.allclose(far.explained_variance_, pomona.PCA(5).fit(x).explained_variance_, rtol=1e-6)


def test_what_cannot_be_merged_says_why():
    fitted = pomona.PCA().fit(rows(20, 4))
    with pytest.raises(ValueError, match="5 features.*4"):
        fitted.merge(pomona.PCA().fit(rows(20, 5)))
    with pytest.raises(NotFittedError):
        fitted.merge(pomona.PCA())
    with pytest.raises(TypeError, match="another PCA"):
        fitted.merge(Reference())
    frames = [pandas.DataFrame(rows(20, 2), columns=columns) for columns in (["a", "b"], ["b", "a"])]
    with pytest.raises(ValueError, match="other names"):
        pomona.PCA().fit(frames[0]).merge(pomona.PCA().fit(frames[1]))
    assert pomona.PCA().merge(pomona.PCA().fit(frames[0])).feature_names_in_.tolist() == ["a", "b"]


@pytest.mark.parametrize("pca", [pomona.PCA(), pomona.PCA(whiten=True), pomona.PCA(0.9)], ids=repr)
def test_scikit_learn_takes_it_for_its_own(pca):
    checks = check_estimator(pca, on_skip=None, on_fail=None)
    failed = [f"{check['check_name']}: {check['exception']}" for check in checks if check["status"] == "failed"]
    assert failed == [] and sum(check["status"] == "passed" for check in checks) > 40


def test_it_is_cloned_pickled_and_copied():
    x = rows(100, 6)
    pca = pomona.PCA(3, whiten=True).fit(x)
    assert clone(pca).get_params() == {"n_components": 3, "whiten": True} and not hasattr(clone(pca), "components_")
    for again in (pickle.loads(pickle.dumps(pca)), copy.deepcopy(pca)):
        same(again, pca, 0)
        assert again.partial_fit(x[:5]).n_samples_ == 105 and pca.n_samples_ == 100
    assert repr(pca) == "PCA(n_components=3, whiten=True)" and repr(pomona.PCA()) == "PCA()"


def test_it_fits_a_pipeline(features, con):
    labels = con.sql("SELECT label FROM images ORDER BY path").to_numpy()
    pipeline = make_pipeline(pomona.PCA(), LogisticRegression(max_iter=1000))
    search = GridSearchCV(pipeline, {"pca__n_components": [2, 10]}, cv=3).fit(features, labels)
    assert search.best_params_ == {"pca__n_components": 10} and search.best_score_ > 0.8
    names = [f"feature{n}" for n in range(6)]
    frame = pomona.PCA(3).set_output(transform="pandas").fit_transform(pandas.DataFrame(rows(50, 6), columns=names))
    assert frame.columns.tolist() == ["pca0", "pca1", "pca2"]
    polars = pomona.PCA(3).set_output(transform="polars").fit_transform(rows(50, 6))
    assert polars.columns == ["pca0", "pca1", "pca2"]


@pytest.mark.parametrize("wrong", [0, -1, 7, 1.0, 1.5, "mle", True, float("nan")])
def test_a_number_of_components_that_cannot_be(wrong):
    with pytest.raises(ValueError, match="n_components"):
        pomona.PCA(wrong).fit(rows(20, 6))


def test_rows_that_cannot_be():
    x = rows(20, 6)
    pca = pomona.PCA(2).fit(x)
    for bad, sentence in [
        (numpy.where(x > 8, numpy.nan, x), "NaN"), (numpy.where(x > 8, numpy.inf, x), "infinity"), (x[0], "Reshape your data"),
        (x[:, :5], "expecting 6 features"), (x * 1j, "Complex data"), (x[:0], "0 sample"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            pca.transform(bad)
        if "expecting" not in sentence:
            with pytest.raises(ValueError, match=sentence):
                pomona.PCA(2).fit(bad)
        with pytest.raises(ValueError, match=sentence):
            pca.partial_fit(bad)
    assert pca.n_samples_ == 20
    with pytest.raises(ValueError, match="2 rows or more"):
        pomona.PCA(1).partial_fit(x[:1]).components_
    with pytest.raises(NotFittedError):
        pomona.PCA().transform(x)
    with pytest.raises(ValueError, match="3 components"):
        pca.inverse_transform(x[:, :3])


def test_without_scikit_learn_the_habits_are_the_same(tmp_path):
    x = rows(60, 8)
    numpy.save(tmp_path / "x.npy", x)
    code = """
import sys
sys.modules["sklearn"] = None
import copy, pickle, numpy, pomona
x = numpy.load("x.npy")
pca = pomona.PCA(3)
assert repr(pca) == "PCA(n_components=3)" and pca.get_params() == {"n_components": 3, "whiten": False}
assert pca.set_params(whiten=True) is pca and pca.whiten and not pca.set_params(whiten=False).whiten
for wrong, sentence in [(x[0], "Reshape"), (x * numpy.nan, "NaN"), (x * 1j, "Complex"), (x[:1], "1 sample"), (x[:, :0], "0 feature")]:
    try:
        pca.fit(wrong)
    except ValueError as error:
        assert sentence in str(error), error
    else:
        raise AssertionError(sentence)
for unfitted in (lambda: pca.transform(x), lambda: pca.components_):
    try:
        unfitted()
    except ValueError as error:
        assert "not fitted" in str(error) and isinstance(error, AttributeError)
    else:
        raise AssertionError("fitted")
projected = pca.fit_transform(numpy.asfortranarray(x))
assert pickle.loads(pickle.dumps(pca)).n_samples_ == 60
assert pca.get_feature_names_out().tolist() == ["pca0", "pca1", "pca2"]
try:
    pca.transform(x[:, :5])
except ValueError as error:
    assert "expecting 8 features" in str(error)
else:
    raise AssertionError("5 features")
try:
    pca.set_params(colour=1)
except ValueError as error:
    assert "colour" in str(error)
else:
    raise AssertionError("colour")
assert pca.transform(x.tolist()).shape == (60, 3) and pca.transform(x.astype("float32")).dtype == "float32"
assert pomona.MobileNetV2("fruits").get_params()["weights"] == "fruits"
numpy.save("projected.npy", projected)
"""
    python(code, cwd=tmp_path)
    expected = Reference(3, svd_solver="covariance_eigh").fit_transform(x)
    assert numpy.abs(numpy.load(tmp_path / "projected.npy") - expected).max() < 1e-9
