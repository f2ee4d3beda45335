//! Folders of pictures, local or in S3, as a DataFusion table: `STORED AS IMAGES`.
