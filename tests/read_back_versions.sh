#!/bin/sh
# Reads the results of a run with the oldest and the newest versions of pandas, pyarrow, Polars, DuckDB
# and Spark that they are for: tests/read_back_versions.sh RESULTS FOLDER. Makes one environment of
# Python 3.11 each below FOLDER, 1 GB. Spark needs a Java runtime of version 17.
set -eu
results=$1 folder=$2
read_back=$(dirname "$0")/read_back.py

# read_with NAME "READERS" REQUIREMENT...
read_with() {
    name=$1 readers=$2
    shift 2
    if [ ! -e "$folder/$name/done" ]; then
        python3.11 -m venv "$folder/$name"
        "$folder/$name/bin/pip" install --quiet setuptools scikit-learn "$@"
        touch "$folder/$name/done"
    fi
    # shellcheck disable=SC2086
    "$folder/$name/bin/python" "$read_back" "$results" $readers
}

read_with oldest "pandas polars duckdb spark" \
    pandas==2.0.3 pyarrow==14.0.0 'numpy<2' polars==0.20.0 duckdb==0.9.0 pyspark==3.5.0
read_with middle "pandas polars duckdb spark" \
    pandas==2.3.3 pyarrow==25.0.1 polars==1.0.0 duckdb==1.0.0 pyspark==3.5.9
read_with pandas3 "pandas spark" pandas==3.1.1 pyarrow==25.0.1 pyspark==4.0.0
read_with newest "pandas polars duckdb spark" \
    pandas==3.1.1 pyarrow==26.0.1 polars==2.1.0 duckdb==2.0.1 pyspark==4.3.0
