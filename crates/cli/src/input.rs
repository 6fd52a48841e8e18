//! Event files as blocks of whole lines: plain, gzip or zstd by their first bytes, standard input for `-`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail};

/// Bytes of a block: large enough to make batches worth a WAL frame, small enough to keep memory flat.
pub(crate) const BLOCK_BYTES: usize = 4 << 20;
/// Longest line that is kept whole; longer ones are far above any event limit.
const LINE_BYTES_MAX: usize = 64 << 20;
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Some whole lines of an input, or a whole JSON array.
#[derive(Debug)]
pub(crate) struct Block {
    /// The bytes, ending with a line feed save perhaps at the end of the input.
    pub(crate) bytes: Vec<u8>,
    /// Number of the first line in its input, from 1.
    pub(crate) first_line: u64,
}

/// One input being read.
pub(crate) struct Input {
    reader: Box<dyn BufRead + Send>,
    carry: Vec<u8>,
    next_line: u64,
    is_array: Option<bool>,
}

/// Counts the bytes taken from the file itself (compressed ones, for a compressed file): what progress is measured by.
struct CountingReader<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Input {
    /// Opens a file, or standard input for `-`. Bytes read are added to `bytes_read`.
    ///
    /// # Errors
    /// When the file cannot be opened or its compression is broken at the start.
    pub(crate) fn open(path: &Path, bytes_read: Arc<AtomicU64>) -> Result<Self> {
        let source: Box<dyn Read + Send> = if path.as_os_str() == "-" {
            Box::new(io::stdin())
        } else {
            let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
            if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
                bail!("{} is a folder: name its files, e.g. {}/*.ndjson.gz", path.display(), path.display());
            }
            Box::new(file)
        };
        let mut raw = BufReader::with_capacity(1 << 20, CountingReader { inner: source, bytes: bytes_read });
        let head = raw.fill_buf().with_context(|| format!("cannot read {}", path.display()))?;
        let reader: Box<dyn BufRead + Send> = if head.starts_with(GZIP_MAGIC) {
            Box::new(BufReader::with_capacity(1 << 20, flate2::bufread::MultiGzDecoder::new(raw)))
        } else if head.starts_with(ZSTD_MAGIC) {
            Box::new(BufReader::with_capacity(1 << 20, zstd::stream::read::Decoder::with_buffer(raw)?))
        } else {
            Box::new(raw)
        };
        Ok(Self { reader, carry: Vec::new(), next_line: 1, is_array: None })
    }

    /// Whether the input is one JSON array rather than lines; known once a block was read.
    pub(crate) fn is_array(&self) -> bool {
        self.is_array.unwrap_or(false)
    }

    /// The next block; `None` at the end.
    ///
    /// # Errors
    /// When reading or decompressing fails, or a line is longer than 64 MiB.
    pub(crate) fn next_block(&mut self) -> Result<Option<Block>> {
        let mut bytes = std::mem::take(&mut self.carry);
        loop {
            let wanted = BLOCK_BYTES.saturating_sub(bytes.len()).max(1 << 20);
            let read =
                (&mut self.reader).take(wanted as u64).read_to_end(&mut bytes).context("cannot read the input")?;
            let is_array = *self.is_array.get_or_insert_with(|| starts_array(&bytes));
            if read == 0 {
                break;
            }
            if is_array {
                if bytes.len() > LINE_BYTES_MAX {
                    bail!("a JSON array of more than 64 MiB: send one object a line (NDJSON) instead");
                }
                continue;
            }
            if bytes.len() < BLOCK_BYTES {
                continue;
            }
            if let Some(end) = memchr::memrchr(b'\n', &bytes) {
                self.carry = bytes.split_off(end + 1);
                break;
            }
            if bytes.len() > LINE_BYTES_MAX {
                bail!("line {} is longer than 64 MiB", self.next_line);
            }
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let first_line = self.next_line;
        self.next_line += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        Ok(Some(Block { bytes, first_line }))
    }
}

fn starts_array(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn blocks_of(bytes: &[u8]) -> Vec<Block> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let mut input = Input::open(file.path(), Arc::default()).unwrap();
        std::iter::from_fn(|| input.next_block().unwrap()).collect()
    }

    #[test]
    fn blocks_hold_whole_lines_and_all_of_them() {
        let line = format!("{{\"message\":\"{}\"}}\n", "x".repeat(1000));
        let text = line.repeat(12_000) + "{\"message\":\"last\"}";
        let blocks = blocks_of(text.as_bytes());
        assert!(blocks.len() > 1);
        assert_eq!(blocks[1].first_line, 1 + blocks[0].bytes.iter().filter(|b| **b == b'\n').count() as u64);
        assert!(blocks[..blocks.len() - 1].iter().all(|block| block.bytes.ends_with(b"\n")));
        assert_eq!(blocks.concat_bytes(), text.as_bytes());
    }

    #[test]
    fn compression_is_told_by_the_first_bytes() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"{}\n").unwrap();
        assert_eq!(blocks_of(&gzip.finish().unwrap()).concat_bytes(), b"{}\n");
        let zstd = zstd::encode_all(&b"{}\n"[..], 1).unwrap();
        assert_eq!(blocks_of(&zstd).concat_bytes(), b"{}\n");
        assert!(blocks_of(b"").is_empty());
    }

    trait Concat {
        fn concat_bytes(&self) -> Vec<u8>;
    }

    impl Concat for Vec<Block> {
        fn concat_bytes(&self) -> Vec<u8> {
            self.iter().flat_map(|block| block.bytes.clone()).collect()
        }
    }
}
