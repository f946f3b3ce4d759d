//! Compiled code between runs: used when it is authentic, made anew when not.

use std::{fs, path::Path, path::PathBuf};

use mortise_fixtures::components::plugin;
use mortise_runtime::Loader as _;
use mortise_wasm::{Settings, WasmBackend};

struct CacheFolder {
    folder: tempfile::TempDir,
}

impl CacheFolder {
    fn new() -> Self {
        let kept = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::write(kept.plugin(), plugin("kept", "", "").unwrap()).unwrap();
        kept
    }

    fn plugin(&self) -> PathBuf {
        self.folder.path().join("kept.wasm")
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// Loads the plugin as a new process would.
    async fn load(&self, cache_bytes: u64) {
        let settings = Settings {
            cache: Some(self.cache()),
            cache_bytes,
            ..Settings::default()
        };
        let backend = WasmBackend::new(&settings).unwrap();
        assert_eq!(
            backend.load(&self.plugin()).await.unwrap().manifest().id,
            "kept"
        );
    }

    fn entries(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(self.cache())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|file| file.extension().is_some_and(|ending| ending == "cwasm"))
            .collect();
        files.sort();
        files
    }

    fn entry(&self) -> PathBuf {
        match self.entries().as_slice() {
            [file] => file.clone(),
            other => panic!("{other:?}"),
        }
    }
}

const PLENTY: u64 = 1 << 30;

fn inode(file: &Path) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&fs::metadata(file).unwrap())
}

#[tokio::test]
async fn is_used_as_it_is() {
    let kept = CacheFolder::new();
    kept.load(PLENTY).await;
    // A second name for the file keeps its number from being given to another.
    let again = kept.folder.path().join("again");
    fs::hard_link(kept.entry(), &again).unwrap();
    kept.load(PLENTY).await;
    assert_eq!(inode(&kept.entry()), inode(&again));
}

#[tokio::test]
async fn what_was_damaged_cut_or_swapped_is_made_anew() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 4] = [
        ("cut", |file| {
            let bytes = fs::read(file).unwrap();
            fs::write(file, bytes.get(..bytes.len() / 2).unwrap()).unwrap();
        }),
        ("emptied", |file| fs::write(file, b"").unwrap()),
        ("one bit of it", |file| {
            let mut bytes = fs::read(file).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(file, bytes).unwrap();
        }),
        ("written by someone without the key", |file| {
            let mut bytes = fs::read(file).unwrap();
            let code = bytes.len() - 32;
            let seal = blake3::keyed_hash(&[7; 32], &bytes[..code]);
            bytes[code..].copy_from_slice(seal.as_bytes());
            fs::write(file, bytes).unwrap();
        }),
    ];
    for (what, damage) in damages {
        let kept = CacheFolder::new();
        kept.load(PLENTY).await;
        let good = fs::read(kept.entry()).unwrap();
        damage(&kept.entry());
        assert_ne!(fs::read(kept.entry()).unwrap(), good, "{what}");
        kept.load(PLENTY).await;
        assert_eq!(fs::read(kept.entry()).unwrap().len(), good.len(), "{what}");
        kept.load(PLENTY).await;
    }
}

/// A file whose seal was checked is loaded without a further check, until it
/// changes.
#[cfg(unix)]
#[tokio::test]
async fn a_change_after_the_check_is_found() {
    use std::os::unix::fs::FileExt as _;
    let kept = CacheFolder::new();
    kept.load(PLENTY).await;
    let code = kept.entry();
    mortise_wait::until("the mark of the checked file", async || {
        kept.load(PLENTY).await;
        code.with_extension("checked").exists()
    })
    .await;
    let sealed = fs::read(&code).unwrap();
    kept.load(PLENTY).await;
    let file = fs::File::options().write(true).open(&code).unwrap();
    let before = file.metadata().unwrap().modified().unwrap();
    let middle = sealed.len() / 2;
    let changed = [sealed.get(middle).unwrap() ^ 1];
    file.write_all_at(&changed, middle as u64).unwrap();
    file.set_modified(before).unwrap();
    kept.load(PLENTY).await;
    assert!(fs::read(&code).unwrap() == sealed, "made anew");
}

#[tokio::test]
async fn code_under_another_plugins_name_is_not_used() {
    let kept = CacheFolder::new();
    kept.load(PLENTY).await;
    let first = fs::read(kept.entry()).unwrap();
    let name = kept.entry();
    // Another plugin under the same file name; then the first one's code is
    // put where the second one's would be.
    fs::write(kept.plugin(), plugin("kept", "", "(func nop)").unwrap()).unwrap();
    kept.load(PLENTY).await;
    let second = kept
        .entries()
        .into_iter()
        .find(|file| *file != name)
        .unwrap();
    fs::write(&second, &first).unwrap();
    kept.load(PLENTY).await;
    assert_ne!(fs::read(&second).unwrap(), first);
}

#[tokio::test]
async fn code_under_a_lost_key_is_void() {
    let kept = CacheFolder::new();
    kept.load(PLENTY).await;
    let before = fs::read(kept.entry()).unwrap();
    fs::remove_file(kept.cache().join("key")).unwrap();
    kept.load(PLENTY).await;
    assert_ne!(
        fs::read(kept.entry()).unwrap(),
        before,
        "sealed under the new key"
    );
}

#[tokio::test]
async fn stays_within_its_bound() {
    let kept = CacheFolder::new();
    kept.load(PLENTY).await;
    let size = fs::metadata(kept.entry()).unwrap().len();
    let first = kept.entry();
    for extra in ["(func nop)", "(func nop) (func nop)"] {
        fs::write(kept.plugin(), plugin("kept", "", extra).unwrap()).unwrap();
        kept.load(2 * size + size / 2).await;
    }
    assert_eq!(kept.entries().len(), 2);
    assert!(!first.exists(), "the one used longest ago goes first");
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_the_key_or_write_code() {
    use std::os::unix::fs::PermissionsExt as _;
    let kept = CacheFolder::new();
    kept.load(PLENTY).await;
    for (file, mode) in [
        (kept.cache(), 0o700),
        (kept.cache().join("key"), 0o600),
        (kept.entry(), 0o600),
    ] {
        let found = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{}", file.display());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_others_could_write_to_is_closed_to_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let kept = CacheFolder::new();
    fs::create_dir(kept.cache()).unwrap();
    fs::set_permissions(kept.cache(), fs::Permissions::from_mode(0o777)).unwrap();
    kept.load(PLENTY).await;
    let mode = fs::metadata(kept.cache()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[cfg(unix)]
#[tokio::test]
async fn a_key_that_others_could_know_is_replaced_and_its_code_is_void() {
    use std::os::unix::fs::PermissionsExt as _;
    type Plant = fn(&Path);
    let planted: [(&str, Plant); 3] = [
        ("readable to others", |key| {
            fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
        }),
        ("a link", |key| {
            let other = key.with_file_name("other");
            fs::rename(key, &other).unwrap();
            std::os::unix::fs::symlink(other, key).unwrap();
        }),
        ("with another name", |key| {
            fs::hard_link(key, key.with_file_name("other")).unwrap();
        }),
    ];
    for (what, plant) in planted {
        let kept = CacheFolder::new();
        kept.load(PLENTY).await;
        let key = kept.cache().join("key");
        let (known, sealed) = (fs::read(&key).unwrap(), fs::read(kept.entry()).unwrap());
        plant(&key);
        kept.load(PLENTY).await;
        assert_ne!(fs::read(&key).unwrap(), known, "{what}");
        assert_ne!(fs::read(kept.entry()).unwrap(), sealed, "{what}");
        let data = fs::symlink_metadata(&key).unwrap();
        assert!(data.is_file() && data.permissions().mode() & 0o777 == 0o600);
    }
}
