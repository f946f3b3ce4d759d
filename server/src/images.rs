//! The files of applications' images. The server recognizes an image by its first
//! bytes and never by its name, and gives it a new name.

use std::{io, path::PathBuf};

use mortise_runtime::{files, image::ImageFormat};
use mortise_store::{ApplicationRow, Store, StoreError};

use crate::config::{Config, Size};

/// Random bytes of a file's name.
const NAME_BYTES: usize = 16;

/// Returns the format of a file with a name of ours, and of no other.
pub(crate) fn format_of_name(name: &str) -> Option<ImageFormat> {
    let (stem, extension) = name.split_once('.')?;
    let ours = stem.len() == 2 * NAME_BYTES && stem.bytes().all(|b| b.is_ascii_hexdigit());
    ImageFormat::ALL
        .into_iter()
        .find(|format| ours && format.extension() == extension)
}

/// A name for a file of these bytes, under which it is served; none if they are no
/// image. `digits` are the random part.
pub(crate) fn file_name(bytes: &[u8], digits: [u8; NAME_BYTES]) -> Option<String> {
    let format = ImageFormat::of(bytes)?;
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

    /// The path of a file, for a name that has a [`format_of_name`].
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
    use mortise_runtime::image::ImageFormat;

    use super::format_of_name;

    #[test]
    fn only_names_of_ours_are_served() {
        let stem = "0123456789abcdef0123456789abcdef";
        assert_eq!(
            format_of_name(&format!("{stem}.png")),
            Some(ImageFormat::Png)
        );
        for other in [
            "../mortise.db",
            "a.png",
            ".png",
            &format!("{stem}.svg"),
            &format!("{stem}.png.html"),
            &format!("{stem}/../x.png"),
        ] {
            assert_eq!(format_of_name(other), None, "{other}");
        }
    }
}
