//! The files of applications' images. The server recognizes an image by its first
//! bytes and never by its name, and gives it a new name.

use std::{io, path::PathBuf};

use mortise_runtime::files;
use mortise_store::{ApplicationRow, Store, StoreError};

use crate::config::{Config, Size};

/// Random bytes of a file's name.
const NAME_BYTES: usize = 16;

/// A format that browsers show only as an image; SVG can hold scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Png,
    Jpeg,
    Gif,
    Webp,
}

impl Format {
    const ALL: [Self; 4] = [Self::Png, Self::Jpeg, Self::Gif, Self::Webp];

    fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
            Some(Self::Gif)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(Self::Webp)
        } else {
            None
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Gif => "gif",
            Self::Webp => "webp",
        }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }

    /// The format of a file with a name of ours, and of no other.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let (stem, extension) = name.split_once('.')?;
        let ours = stem.len() == 2 * NAME_BYTES && stem.bytes().all(|b| b.is_ascii_hexdigit());
        Self::ALL
            .into_iter()
            .find(|format| ours && format.extension() == extension)
    }
}

/// A name for a file of these bytes, under which it is served; none if they are no
/// image. `digits` are the random part.
pub(crate) fn file_name(bytes: &[u8], digits: [u8; NAME_BYTES]) -> Option<String> {
    let format = Format::of(bytes)?;
    Some(format!("{}.{}", hex::encode(digits), format.extension()))
}

/// The reason for which an image is not set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    #[error("the image has {bytes} bytes; this server accepts {most}, set by --max-image-size")]
    TooLong { bytes: usize, most: Size },
    #[error("file must be an image: PNG, JPEG, GIF or WebP")]
    NoImage,
    #[error("the image cannot be written: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The folder of the images.
#[derive(Clone, Debug)]
pub(crate) struct Images {
    folder: PathBuf,
    most: Size,
    store: Store,
}

impl Images {
    pub(crate) fn new(config: &Config, store: Store) -> Self {
        Self {
            folder: config.images_dir(),
            most: config.max_image_size,
            store,
        }
    }

    /// The path of a file, for a name that has a [`Format::of_name`].
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Sets the image of a user's application, or takes it away. None if the user has no
    /// such application.
    pub(crate) async fn set(
        &self,
        user_id: i64,
        application: i64,
        image: Option<&[u8]>,
    ) -> Result<Option<ApplicationRow>, ImageError> {
        let Some(before) = self.store.application(user_id, application).await? else {
            return Ok(None);
        };
        let name = match image {
            Some(bytes) => Some(self.write(bytes).await?),
            None => None,
        };
        let set = self
            .store
            .set_image(user_id, application, name.as_deref())
            .await;
        // A file that no application shows any more.
        let unused = match &set {
            Ok(Some(_)) => before.image,
            _ => name,
        };
        if let Some(unused) = unused {
            self.remove(&unused).await;
        }
        Ok(set?)
    }

    /// Writes an image's file and returns its name.
    async fn write(&self, bytes: &[u8]) -> Result<String, ImageError> {
        if bytes.len() > self.most.bytes() {
            return Err(ImageError::TooLong {
                bytes: bytes.len(),
                most: self.most,
            });
        }
        let mut digits = [0; NAME_BYTES];
        getrandom::fill(&mut digits).map_err(io::Error::other)?;
        let name = file_name(bytes, digits).ok_or(ImageError::NoImage)?;
        files::make_private_folder(&self.folder)?;
        tokio::fs::write(self.path(&name), bytes).await?;
        Ok(name)
    }

    /// Removes a file that no application shows. A remaining file does no harm.
    pub(crate) async fn remove(&self, name: &str) {
        if let Err(error) = tokio::fs::remove_file(self.path(name)).await {
            tracing::warn!(%error, name, "an image was not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn images_are_known_by_their_first_bytes() {
        assert_eq!(Format::of(b"\x89PNG\r\n\x1a\n..."), Some(Format::Png));
        assert_eq!(Format::of(b"GIF89a..."), Some(Format::Gif));
        assert_eq!(Format::of(b"\xff\xd8\xff\xe0"), Some(Format::Jpeg));
        assert_eq!(Format::of(b"RIFF....WEBPVP8 "), Some(Format::Webp));
        for other in ["", "RIFF....WAVE", "<svg/>", "<html>", "RIFF"] {
            assert_eq!(Format::of(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn only_names_of_ours_are_served() {
        let stem = "0123456789abcdef0123456789abcdef";
        assert_eq!(Format::of_name(&format!("{stem}.png")), Some(Format::Png));
        for other in [
            "../mortise.db",
            "a.png",
            ".png",
            &format!("{stem}.svg"),
            &format!("{stem}.png.html"),
            &format!("{stem}/../x.png"),
        ] {
            assert_eq!(Format::of_name(other), None, "{other}");
        }
    }
}
