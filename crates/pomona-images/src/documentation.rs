//! What the columns and the options of an image table mean, for errors and for the SQL reference.

/// An option of `CREATE EXTERNAL TABLE … STORED AS IMAGES`, as a person reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionDocumentation {
    /// The name in `OPTIONS`.
    pub name: &'static str,
    /// The default, in words where it is no value.
    pub default: &'static str,
    /// What it decides, in Markdown.
    pub meaning: &'static str,
}

/// Every option, in the order in which errors list them.
pub const OPTIONS: [OptionDocumentation; 10] = [
    OptionDocumentation {
        name: "glob",
        default: "names that end in jpg, jpeg, jpe, jfif, png, webp, bmp, gif, tif or tiff, in any case",
        meaning: "which objects are images: a pattern without `/` is matched against the file's name, one with `/` against the path below the location",
    },
    OptionDocumentation {
        name: "recursive",
        default: "`true`",
        meaning: "whether folders below the location are read",
    },
    OptionDocumentation {
        name: "depth",
        default: "any",
        meaning: "how many levels of folders below the location are read: with `1`, images lie in the folders of the location, which are their labels",
    },
    OptionDocumentation {
        name: "concurrency",
        default: "`auto`",
        meaning: "requests in flight at once, a partition; a whole number from 1 on, or `auto`: as many as bring rows sooner, 32 at first and 512 at most, which the partitions of a process share",
    },
    OptionDocumentation {
        name: "batch_bytes",
        default: "`32 MiB`",
        meaning: "the most content in one batch, unless a single object is larger; from 1 byte to 1 GiB",
    },
    OptionDocumentation {
        name: "missing",
        default: "`error`",
        meaning: "an object that vanished or may not be read after it was listed: `error` fails the query and names it, `null` gives a row without content, and the column `read_error` with the reason",
    },
    OptionDocumentation {
        name: "shards",
        default: "`auto`",
        meaning: "whether tar, zip and Parquet files are read for the images in them ([Shards](shards.md)): `auto` where the location names them and in a folder that has no image beside them, `true` in any folder, `false` nowhere",
    },
    OptionDocumentation {
        name: "sidecars",
        default: "`none`",
        meaning: "which of the files beside an image in a shard are columns of text: some of `json`, `cls` and `txt`, as in `'json,cls'`",
    },
    OptionDocumentation {
        name: "listing",
        default: "none: the location is listed",
        meaning: "a file that says which images of the location there are: `manifest.json` of an S3 Inventory, or CSV (`.csv`, `.csv.gz`) or Parquet with a column of paths; a relative name lies in the location",
    },
    OptionDocumentation {
        name: "path_column",
        default: "whichever of `path` and `url` the file has",
        meaning: "the column of paths in a listing that is a CSV or a Parquet file",
    },
];

/// How the table function `images` is called.
pub const FUNCTION_SYNTAX: &str = "images(location [, option => value, …])";

/// What it returns.
pub const FUNCTION: &str = "The rows of CREATE EXTERNAL TABLE … STORED AS IMAGES LOCATION location, \
    with its options by their names: images('s3://bucket/data/', glob => '*.png', recursive => false). \
    The location is a text or a list of texts.";

/// What each column of [`image_schema`](crate::image_schema) means, in its order, in Markdown.
pub const COLUMNS: [&str; 6] = [
    "the object's URL as a person writes it: `s3://bucket/Apple Braeburn/0_100.jpg`",
    "the name of the folder it lies in",
    "bytes",
    "when the object was last written",
    "the store's mark of this version of the object; where a listing has none, made of time and length; of an image in a shard, where it lies there, and the shard's",
    "the file; fetched only where a query names it; NULL where it is missing and `missing` is `null`",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image_schema;

    #[test]
    fn every_column_has_a_meaning() {
        assert_eq!(COLUMNS.len(), image_schema().fields().len());
    }
}
