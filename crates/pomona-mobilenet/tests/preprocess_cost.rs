//! The stated cost of decoding is an upper bound of what is allocated.
//!
//! One test, because the allocator counts the whole process. It does not see what libjpeg and libwebp take with
//! `malloc`: for that a child process decodes one image and reports how much its resident memory grew.

#![expect(unsafe_code, reason = "an allocator that counts")]

#[path = "../../../tests/src/bombs.rs"]
pub mod bombs;
mod drawn;

use pomona_mobilenet::preprocess::{
    DecodeLimits, DecodeOptions, Decoding, ExifOrientation, ImageFormat, RgbImage, decode_cost,
    decode_rgb, decode_rgb_with, image_info,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn took(bytes: usize) {
    let now = NOW.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(now, Ordering::Relaxed);
}

// SAFETY: every call is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: passed on to the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: passed on to the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both may be held while one is copied to the other.
        took(size);
        // SAFETY: passed on to the caller.
        let moved = unsafe { System.realloc(pointer, layout, size) };
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        moved
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: passed on to the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CHILD: &str = "POMONA_COST_OF_FILE";

/// The files of `pillow_more_formats.py`.
#[cfg(feature = "more-formats")]
fn more_formats() -> Vec<(String, Vec<u8>)> {
    use std::io::Read;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut files = Vec::new();
    flate2::read::ZlibDecoder::new(&fs::read(data.join("more_formats.zlib")).unwrap()[..])
        .read_to_end(&mut files)
        .unwrap();
    let mut rest = &files[..];
    let lines = fs::read_to_string(data.join("more_formats.tsv")).unwrap();
    let named = lines.lines().map(|line| {
        let mut fields = line.split('\t');
        let name = fields.next().unwrap();
        let (file, behind) = rest.split_at(fields.next().unwrap().parse().unwrap());
        rest = behind;
        let damage = if fields.next() == Some("-") {
            "damage of "
        } else {
            ""
        };
        (format!("{damage}{name}"), file.to_vec())
    });
    named.collect()
}

#[test]
fn the_stated_cost_is_an_upper_bound() {
    if let Some(path) = std::env::var_os(CHILD) {
        return report_growth(Path::new(&path));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pillow");
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension != "tsv"))
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    files.extend(
        bombs::all()
            .into_iter()
            .map(|(name, bytes)| (name.to_owned(), bytes)),
    );
    files.extend(drawn::large());
    #[cfg(feature = "more-formats")]
    files.extend(more_formats());
    let mut wrong = Vec::new();
    for (name, bytes) in &files {
        for exif_orientation in [ExifOrientation::Ignore, ExifOrientation::Apply] {
            let options = DecodeOptions {
                exif_orientation,
                ..DecodeOptions::default()
            };
            let stated = match decode_cost(bytes, &options) {
                Ok(cost) => cost.bytes,
                // Damage of the header, and what it says is not read.
                Err(_) if name.starts_with("damage of ") || name.contains("subsampled") => continue,
                Err(error) => panic!("{name}: {error}"),
            };
            let (peak, decoded) = peak_of(bytes, options);
            if peak > stated {
                wrong.push(format!("{name}: {peak} bytes allocated, {stated} stated"));
            }
            let format = image_info(bytes).unwrap().format;
            // Where all memory is Rust's, the bound is not an excuse either.
            let slack = match format {
                ImageFormat::Jpeg => continue,
                ImageFormat::Tiff => 10 << 20,
                // Its Huffman tables are not known before they are decoded.
                ImageFormat::WebP => 68 << 20,
                // Nor is what a JPEG XL is transformed to.
                #[cfg(feature = "more-formats")]
                ImageFormat::Jpeg2000 | ImageFormat::JpegXl => 12 << 20,
                _ => 256 << 10,
            };
            if decoded && stated > 2 * peak + slack {
                wrong.push(format!("{name}: only {peak} of {stated} bytes allocated"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    children(&files);
}

/// Bytes allocated at the peak, over those before, and whether the image was decoded.
fn peak_of(bytes: &[u8], options: DecodeOptions) -> (u64, bool) {
    let decoding = Decoding {
        options,
        ..Decoding::default()
    };
    let mut image = RgbImage::default();
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let decoded = decode_rgb_with(bytes, &decoding, &mut image).is_ok();
    let peak = PEAK.load(Ordering::Relaxed);
    ((peak - before) as u64, decoded)
}

/// Decodes each JPEG and WebP in a process of its own.
fn children(files: &[(String, Vec<u8>)]) {
    if !Path::new("/proc/self/status").exists() {
        eprintln!("skipped: the system does not say how much memory a process has");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (i, (name, bytes)) in files.iter().enumerate() {
        if !bytes.starts_with(b"\xff\xd8") && !bytes.starts_with(b"RIFF") {
            continue;
        }
        let path = folder.path().join(i.to_string());
        fs::write(&path, bytes).unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--nocapture", "--test-threads=1"])
            .env(CHILD, &path)
            .output()
            .unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        let growth: u64 = output
            .lines()
            .find_map(|line| line.split_once("grown by ")?.1.parse().ok())
            .unwrap_or_else(|| panic!("{name}: {output}"));
        let stated = decode_cost(bytes, &DecodeOptions::default()).unwrap().bytes;
        // Pages, the stack, and the code that is read from disk.
        let slack = 3 << 20;
        println!("{name}: grown by {growth}, {stated} stated");
        assert!(
            growth <= stated.min(DecodeLimits::default().max_decode_bytes) + slack,
            "{name}: resident memory grew by {growth}, {stated} stated"
        );
    }
}

fn report_growth(path: &Path) {
    let bytes = fs::read(path).unwrap();
    // What is allocated once, and the code's own pages, are not the image's.
    for small in drawn::wholes() {
        decode_rgb(&small, &DecodeLimits::default(), &mut RgbImage::default()).unwrap();
    }
    let before = resident();
    let _ = decode_rgb(&bytes, &DecodeLimits::default(), &mut RgbImage::default());
    println!("\ngrown by {}", resident() - before);
}

/// The most resident bytes that this process ever had.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes << 10
}
