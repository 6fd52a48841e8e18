//! [`ParquetSettings`]: how a data file is encoded. `FORMAT.md`, 'Data file', has the reasons and
//! figures for the defaults.
//!
//! Whatever they say, the result is a plain Parquet file: settings trade bytes, encoding time and reading time.

use std::collections::BTreeMap;

use annals_event::columns;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{BloomFilterProperties, EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::file_shape::FileShape;

/// Text columns that nobody compares by order: their minimum and maximum would only cost space.
const WITHOUT_STATISTICS: [&str; 4] = [columns::MESSAGE, columns::ERROR, columns::PAYLOAD, columns::ATTRIBUTES];

/// Below this many bytes a column is not compressed at all: there is nothing to gain.
const SNAPPY_BYTES_MIN: usize = 256;

/// Columns that zstd makes hardly smaller than Snappy (0.5 bytes an event for all of them). Whoever reads or writes a column with
/// zstd creates a context first, and that asks the processor for its features by an instruction that a virtual machine traps:
/// 40 to 90 us a column, more than decoding a page takes.
const SNAPPY_COLUMNS: [&str; 10] = [
    columns::TIMESTAMP,
    columns::RECEIVED_AT,
    columns::SEQ,
    columns::LEVEL,
    columns::TYPE,
    columns::INTEGRATION_ID,
    columns::CONNECT_CREDENTIAL_CONFIG_ID,
    columns::WEBHOOK_ID,
    columns::EVENT_NAME,
    columns::STATUS,
];

/// Of merged files, which are written once and read for years.
const COMPACTED_ZSTD_LEVEL: i32 = 8;
const COMPACTED_PAGE_BYTES_MAX: usize = 576 << 10;

/// Columns of random ids. In them a higher level finds matches of a few digits, which cost more than the digits: trace ids take 3.8
/// bytes at level 1 and 4.1 at level 6.
const RANDOM_ID_COLUMNS: [&str; 4] =
    [columns::PERSONA_ID, columns::CONNECT_CREDENTIAL_ID, columns::TRACE_ID, columns::EVENT_ID];
const RANDOM_ID_ZSTD_LEVEL: i32 = 1;

/// Values of a column with missing ones that the writer takes before it looks whether the page is full: by so many a page may be
/// longer than it should.
const WRITE_BATCH_ROWS: usize = 128;

/// Columns of long texts, whose pages may be long.
const LONG_TEXT_COLUMNS: [&str; 3] = [columns::ERROR, columns::PAYLOAD, columns::ATTRIBUTES];

/// How data files are encoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ParquetSettings {
    /// zstd level of the columns that it makes much smaller, 1 to 19; others have Snappy. Default 2.
    pub zstd_level: i32,
    /// Columns of a file with fewer bytes than this before encoding are compressed by Snappy (below 256 bytes not at all), 0
    /// to 1 MiB. Default 4 KiB. zstd's contexts cost more than a third of the time of a file of some dozen rows.
    pub zstd_bytes_min: usize,
    /// Rows in a row group at most, 1,024 to 16,777,216. Default 1,048,576: one row group in nearly every file.
    pub row_group_rows_max: usize,
    /// Encoded bytes in a row group at most (a guess by the rows so far), 1 MiB to 4 GiB. Default 256 MiB.
    pub row_group_bytes_max: usize,
    /// Rows in a page at most, 256 to 1,048,576: what is decoded at least for one row. Default 4,096.
    pub data_page_rows: usize,
    /// Bytes in a page of `payload`, `error` and `attributes` before compression, about, 4 KiB to 64 MiB. Default 512 KiB.
    pub data_page_bytes_max: usize,
    /// The same for other columns. Default 16 KiB: an id in a column without a dictionary is unpacked with five hundred others.
    pub short_page_bytes_max: usize,
    /// Bytes of the dictionary of a column at most, 1 KiB to 64 MiB; with more distinct values the rest of it is plain. It is decoded
    /// whole for a single row. Default 128 KiB.
    pub dictionary_bytes_max: usize,
    /// Encoding by column name; columns not named are `plain`.
    pub encodings: BTreeMap<String, ColumnEncoding>,
    /// Minimum and maximum values kept for the columns that filters compare. Default `page`.
    pub statistics: Statistics,
    /// False positives of the Bloom filter on `trace_id`, above 0 and below 1; 0 writes none. Default 0.01.
    pub trace_bloom_fpp: f64,
    /// Most of a file that its word index may take, 0 to 0.5; 0 writes none. Default 0.12. A file for which that is too little
    /// goes without.
    pub word_index_share_max: f64,
}

/// How the values of a column are laid out before compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnEncoding {
    /// One after another.
    Plain,
    /// Each distinct value once, then its number; falls back to plain when there are too many.
    Dictionary,
    /// The difference from the value before: `DELTA_BINARY_PACKED` for numbers, `DELTA_BYTE_ARRAY` for text.
    Delta,
    /// Text only: all lengths, then all bytes (`DELTA_LENGTH_BYTE_ARRAY`).
    DeltaLength,
}

/// Where minimum and maximum values are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistics {
    /// Nowhere.
    None,
    /// For each column of a row group.
    Chunk,
    /// For each page as well, in files of more than one page.
    Page,
}

impl Default for ParquetSettings {
    fn default() -> Self {
        use ColumnEncoding::{Delta, DeltaLength, Dictionary};
        let encodings = [
            (columns::ID, Delta),
            (columns::TIMESTAMP, Delta),
            (columns::RECEIVED_AT, Delta),
            (columns::SEQ, Delta),
            (columns::LEVEL, Dictionary),
            (columns::TYPE, Dictionary),
            (columns::MESSAGE, Dictionary),
            (columns::PERSONA_ID, DeltaLength),
            (columns::END_USER_ID, Dictionary),
            (columns::CONNECT_CREDENTIAL_ID, DeltaLength),
            (columns::CONNECT_CREDENTIAL_CONFIG_ID, Dictionary),
            (columns::WORKFLOW_ID, Dictionary),
            (columns::TRACE_ID, DeltaLength),
            (columns::INTEGRATION_ID, Dictionary),
            (columns::WEBHOOK_ID, Dictionary),
            (columns::EVENT_ID, DeltaLength),
            (columns::EVENT_NAME, Dictionary),
            (columns::STATUS, Dictionary),
            (columns::ERROR, DeltaLength),
            (columns::PAYLOAD, DeltaLength),
            (columns::ATTRIBUTES, DeltaLength),
        ];
        Self {
            zstd_level: 2,
            zstd_bytes_min: 4 << 10,
            row_group_rows_max: 1 << 20,
            row_group_bytes_max: 256 << 20,
            data_page_rows: 4_096,
            data_page_bytes_max: 512 << 10,
            short_page_bytes_max: 16 << 10,
            dictionary_bytes_max: 128 << 10,
            encodings: encodings.map(|(name, encoding)| (name.to_owned(), encoding)).into(),
            statistics: Statistics::Page,
            trace_bloom_fpp: 0.01,
            word_index_share_max: 0.12,
        }
    }
}

impl ParquetSettings {
    /// The defaults, with a word index in each file or with none.
    pub fn with_word_index(is_wanted: bool) -> Self {
        let settings = Self::default();
        if is_wanted { settings } else { Self { word_index_share_max: 0.0, ..settings } }
    }

    /// The same for files that are merged: smaller, at a third of the speed.
    #[must_use]
    pub fn compacted(self) -> Self {
        Self { zstd_level: COMPACTED_ZSTD_LEVEL, data_page_bytes_max: COMPACTED_PAGE_BYTES_MAX, ..self }
    }

    /// Checks every bound.
    ///
    /// # Errors
    /// `Invalid`, naming all problems.
    pub fn validate(&self) -> Result<()> {
        let mut problems = Vec::new();
        let mut check = |name: &str, value: u64, low: u64, high: u64| {
            if !(low..=high).contains(&value) {
                problems.push(format!("{name} is {value} but must be {low} to {high}"));
            }
        };
        check("zstd_level", u64::try_from(self.zstd_level).unwrap_or(0), 1, 19);
        check("zstd_bytes_min", self.zstd_bytes_min as u64, 0, 1 << 20);
        check("row_group_rows_max", self.row_group_rows_max as u64, 1 << 10, 1 << 24);
        check("row_group_bytes_max", self.row_group_bytes_max as u64, 1 << 20, 4 << 30);
        check("data_page_rows", self.data_page_rows as u64, 256, 1 << 20);
        check("dictionary_bytes_max", self.dictionary_bytes_max as u64, 1 << 10, 64 << 20);
        check("data_page_bytes_max", self.data_page_bytes_max as u64, 4 << 10, 64 << 20);
        check("short_page_bytes_max", self.short_page_bytes_max as u64, 4 << 10, 64 << 20);
        if !(0.0..1.0).contains(&self.trace_bloom_fpp) {
            problems.push(format!("trace_bloom_fpp is {} but must be 0 or between 0 and 1", self.trace_bloom_fpp));
        }
        if !(0.0..=0.5).contains(&self.word_index_share_max) {
            problems.push(format!("word_index_share_max is {} but must be 0 to 0.5", self.word_index_share_max));
        }
        let schema = annals_event::file_schema();
        for (name, encoding) in &self.encodings {
            match schema.field_with_name(name) {
                Err(_) => problems.push(format!("encodings names {name:?}, which is no column of a data file")),
                Ok(field) if *encoding == ColumnEncoding::DeltaLength && !field.data_type().is_string() => {
                    problems.push(format!("encodings gives {name} delta_length, which is for text only"));
                }
                Ok(_) => {}
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Invalid, format!("parquet settings: {}", problems.join("; "))))
    }

    /// Rows that a file of this shape is given to its writer at a time: a page of payloads. The writer takes as many values as would
    /// fill a page if they were plain, finds that they took a little less, and takes as many again, so that of itself it makes
    /// pages of twice the length.
    pub(crate) fn rows_at_once(&self, shape: &FileShape) -> usize {
        let payload = annals_event::file_schema().index_of(columns::PAYLOAD).expect("events have a payload");
        let bytes = shape.column_bytes.get(payload).copied().unwrap_or(0);
        let rows = self.data_page_bytes_max.saturating_mul(shape.rows) / bytes.max(1);
        rows.clamp(WRITE_BATCH_ROWS, self.data_page_rows.max(WRITE_BATCH_ROWS))
    }

    /// The properties for a file of rows of this shape.
    pub(crate) fn writer_properties(&self, shape: &FileShape) -> Result<WriterProperties> {
        let (rows, schema) = (shape.rows, annals_event::file_schema());
        let zstd = |level| match ZstdLevel::try_new(level) {
            Ok(level) => Ok(Compression::ZSTD(level)),
            Err(error) => Err(Error::with_source(ErrorKind::Invalid, "parquet settings: zstd_level", error)),
        };
        let sorting = [columns::TIMESTAMP, columns::SEQ].map(|name| SortingColumn {
            column_idx: schema.index_of(name).expect("the file schema has its sort columns") as i32,
            descending: false,
            nulls_first: false,
        });
        let statistics = match self.statistics {
            Statistics::None => EnabledStatistics::None,
            Statistics::Chunk => EnabledStatistics::Chunk,
            // A single page has the values of its chunk; saying them twice cost 4% of files of a few hundred rows.
            Statistics::Page if rows <= self.data_page_rows => EnabledStatistics::Chunk,
            Statistics::Page => EnabledStatistics::Page,
        };
        let mut builder = WriterProperties::builder()
            .set_created_by(concat!("annals version ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(zstd(self.zstd_level)?)
            .set_max_row_group_row_count(Some(self.row_group_rows_max))
            .set_max_row_group_bytes(Some(self.row_group_bytes_max))
            .set_data_page_row_count_limit(self.data_page_rows)
            .set_data_page_size_limit(self.data_page_bytes_max / 8 * 7)
            .set_write_batch_size(WRITE_BATCH_ROWS)
            .set_dictionary_page_size_limit(self.dictionary_bytes_max)
            .set_statistics_enabled(statistics)
            .set_dictionary_enabled(false)
            .set_sorting_columns(Some(sorting.into()));
        for (field, column_bytes) in schema.fields().iter().zip(&shape.column_bytes) {
            let (name, path) = (field.name().as_str(), || ColumnPath::from(field.name().as_str()));
            builder = match *column_bytes {
                ..SNAPPY_BYTES_MIN => builder.set_column_compression(path(), Compression::UNCOMPRESSED),
                bytes if bytes < self.zstd_bytes_min || SNAPPY_COLUMNS.contains(&name) => {
                    builder.set_column_compression(path(), Compression::SNAPPY)
                }
                _ if RANDOM_ID_COLUMNS.contains(&name) => {
                    builder.set_column_compression(path(), zstd(self.zstd_level.min(RANDOM_ID_ZSTD_LEVEL))?)
                }
                _ => builder,
            };
            if WITHOUT_STATISTICS.contains(&name) {
                builder = builder.set_column_statistics_enabled(path(), EnabledStatistics::None);
            } else if RANDOM_ID_COLUMNS.contains(&name) && statistics == EnabledStatistics::Page {
                // Any page of random values has nearly the bounds of all.
                builder = builder.set_column_statistics_enabled(path(), EnabledStatistics::Chunk);
            }
            if !LONG_TEXT_COLUMNS.contains(&name) {
                builder = builder.set_column_data_page_size_limit(path(), self.short_page_bytes_max);
            }
            builder = match self.encodings.get(name) {
                None | Some(ColumnEncoding::Plain) => builder,
                Some(ColumnEncoding::Dictionary) => builder.set_column_dictionary_enabled(path(), true),
                Some(ColumnEncoding::Delta) if field.data_type().is_string() => {
                    builder.set_column_encoding(path(), Encoding::DELTA_BYTE_ARRAY)
                }
                Some(ColumnEncoding::Delta) => builder.set_column_encoding(path(), Encoding::DELTA_BINARY_PACKED),
                Some(ColumnEncoding::DeltaLength) => {
                    builder.set_column_encoding(path(), Encoding::DELTA_LENGTH_BYTE_ARRAY)
                }
            };
        }
        if self.trace_bloom_fpp > 0.0 {
            // Sized by what is there (and folded to what is distinct): the default reserves for a million values.
            let filter = BloomFilterProperties::builder()
                .with_fpp(self.trace_bloom_fpp)
                .with_max_ndv(rows.clamp(1, self.row_group_rows_max) as u64)
                .try_build()
                .map_err(|error| Error::with_source(ErrorKind::Invalid, "parquet settings: trace_bloom_fpp", error))?;
            builder = builder.set_column_bloom_filter_properties(ColumnPath::from(columns::TRACE_ID), filter);
        }
        Ok(builder.build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        ParquetSettings::default().validate().unwrap();
    }

    #[test]
    fn all_problems_are_named_at_once() {
        let mut settings = ParquetSettings {
            zstd_level: 0,
            data_page_rows: 1,
            trace_bloom_fpp: 1.0,
            word_index_share_max: 0.6,
            ..Default::default()
        };
        settings.encodings.insert("nope".into(), ColumnEncoding::Plain);
        settings.encodings.insert("seq".into(), ColumnEncoding::DeltaLength);
        let message = settings.validate().unwrap_err().to_string();
        for name in ["zstd_level", "data_page_rows", "trace_bloom_fpp", "word_index_share_max", "nope", "seq"] {
            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn an_unknown_setting_is_refused_and_missing_ones_take_their_default() {
        assert!(serde_json::from_str::<ParquetSettings>(r#"{"zstd":1}"#).is_err());
        let settings: ParquetSettings = serde_json::from_str(r#"{"zstd_level":3}"#).unwrap();
        assert_eq!(settings, ParquetSettings { zstd_level: 3, ..Default::default() });
    }
}
