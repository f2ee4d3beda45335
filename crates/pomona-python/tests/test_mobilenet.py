"""`pomona.MobileNetV2`: the features of SQL and of Keras, as a transformer of scikit-learn."""

import pickle
from pathlib import Path

import numpy
import pandas
import pyarrow.parquet
import pytest
from conftest import TEST_DATA
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import pomona


@pytest.fixture
def paths():
    return sorted(Path("pomona-demo/images").glob("*/*.jpg"))


def test_features_are_those_of_sql(paths, features):
    network = pomona.MobileNetV2("fruits")
    found = network.transform(paths)
    assert found.shape == (48, 1280) and found.dtype == numpy.float32 and numpy.array_equal(found, features)
    for same in (
        [str(path) for path in paths], [path.read_bytes() for path in paths], [bytearray(path.read_bytes()) for path in paths],
        numpy.array([str(path) for path in paths]), numpy.array([[path] for path in paths], object), pandas.Series(map(str, paths)),
        pandas.DataFrame({"path": map(str, paths)}), iter(paths), pyarrow.array(map(str, paths)),
    ):
        assert numpy.array_equal(network.transform(same), features)
    assert network.transform([]).shape == (0, 1280)


def test_a_bad_image_is_named_by_its_position(paths):
    network = pomona.MobileNetV2("fruits")
    with pytest.raises(pomona.ImageError, match=r"\b2\b"):
        network.transform([paths[0], paths[1], b"no image", paths[2]])
    with pytest.raises(pomona.StorageError, match="nowhere.jpg"):
        network.transform([paths[0], "nowhere.jpg"])
    Path("broken.jpg").write_bytes(b"no image")
    with pytest.raises(pomona.ImageError, match=r"image 1, 'broken.jpg': ") as caught:
        network.transform([paths[0], "broken.jpg", b"no image"])
    assert (caught.value.index, caught.value.path) == (1, "broken.jpg")
    with pytest.raises(pomona.ImageError, match=r"image 0: ") as caught:
        network.transform([b"no image"])
    assert (caught.value.index, caught.value.path) == (0, None)
    Path("broken.jpg").unlink()
    found = pomona.MobileNetV2("fruits", errors="nan").transform([paths[0], b"no image"])
    assert numpy.isfinite(found[0]).all() and numpy.isnan(found[1]).all()


def test_what_is_no_list_of_files_is_refused(paths):
    network = pomona.MobileNetV2("fruits")
    for wrong in (str(paths[0]), paths[0], paths[0].read_bytes()):
        with pytest.raises(pomona.UsageError, match=r"\[image\]"):
            network.transform(wrong)
    with pytest.raises(pomona.UsageError, match="not pixels"):
        network.transform(numpy.zeros((2, 224, 224, 3)))
    with pytest.raises(pomona.UsageError, match="not int"):
        network.transform(7)
    with pytest.raises(pomona.WeightsError, match="nowhere.safetensors"):
        pomona.MobileNetV2("nowhere.safetensors").transform(paths)


def test_the_device_is_taken_or_named(paths, features):
    assert (pomona.MobileNetV2("fruits", device="cpu").transform(paths) == features).all()
    with pytest.raises(pomona.UsageError, match="no device is named 'gpu': the names are 'auto', 'cpu', 'cuda:0' and 'metal'"):
        pomona.MobileNetV2("fruits", device="gpu").transform(paths)
    # No package has code for all of them.
    for device in ["cuda:9", "metal:9"]:
        with pytest.raises(pomona.UsageError, match=f"device '{device}'"):
            pomona.MobileNetV2("fruits", device=device).transform(paths)
    con = pomona.connect(weights="fruits", settings={"pomona.device": "cuda:9"})
    with pytest.raises(pomona.UsageError, match="device 'cuda:9'"):
        con.sql("SELECT mobilenet_v2($1)", [paths[0].read_bytes()]).fetchall()
    with pytest.raises(pomona.UsageError, match="device 'cuda:9'"):
        pomona.run(input=paths[0].parent, output="of-no-device", weights="fruits", device="cuda:9", progress=False)
    assert not Path("of-no-device").exists()


def test_it_goes_first_in_a_pipeline(paths):
    labels = [path.parent.name for path in paths]
    pipeline = make_pipeline(pomona.MobileNetV2("fruits"), pomona.PCA(10), LogisticRegression(max_iter=1000))
    assert pipeline.fit(paths, labels).score(paths, labels) > 0.9
    again = pickle.loads(pickle.dumps(pipeline))
    assert (again.predict(paths[:5]) == pipeline.predict(paths[:5])).all()
    assert clone(pipeline[0]).get_params() == {"device": "auto", "errors": "raise", "precision": "f32", "weights": "fruits"}
    frame = pomona.MobileNetV2("fruits").set_output(transform="pandas").fit_transform(paths[:2])
    assert frame.shape == (2, 1280) and frame.columns[-1] == "mobilenetv21279"


def test_scikit_learn_takes_it_for_its_own():
    # It takes files and no numbers, which most checks are about: these pass over it.
    checks = check_estimator(pomona.MobileNetV2("fruits"), on_skip=None, on_fail=None)
    assert [check["check_name"] for check in checks if check["status"] == "failed"] == []
    assert any(check["status"] == "passed" for check in checks)


def test_features_are_those_of_keras():
    golden, weights = TEST_DATA / "golden/keras_features.parquet", TEST_DATA / "models/mobilenet_v2_1.0_224.safetensors"
    if not golden.exists():
        pytest.skip(f"needs {golden} (POMONA_TEST_DATA)")
    table = pyarrow.parquet.read_table(golden)
    expected = numpy.stack(table["features_1_0"].to_numpy())
    found = pomona.MobileNetV2(weights).transform([TEST_DATA / "fruits360" / path for path in table["path"].to_pylist()])
    assert found.shape == expected.shape == (114, 1280) and numpy.abs(found - expected).max() < 1e-4
