//! Users, applications, clients and plugins that come, in one transaction.

use std::{
    collections::{BTreeSet, HashMap},
    fs, io,
    path::{Path, PathBuf},
};

use mortise_runtime::files;
use mortise_store::{
    ImportedApplication, ImportedClient, ImportedKind, ImportedPlugin, Importing, StoreError,
    TokenHash,
    gotify::{GotifyApplication, GotifyEntities, GotifyPlugin, GotifySource, GotifyUser},
};
use sha2::{Digest as _, Sha256};

use super::{Choices, ImportError, Report, SameName};
use crate::{
    auth::{MOST_COST, PasswordError, Passwords, bcrypt_cost, generate_password},
    images,
    time::now_ms,
};

/// The key of a v1 plugin's one piece of storage.
const STORAGE_KEY: &str = "gotify";
/// The largest image that is copied, in bytes.
const IMAGE_BYTES: u64 = 64 << 20;
/// The longest id of a plugin, in bytes.
const PLUGIN_ID_BYTES: usize = 128;
/// Names that one note lists.
const NAMED: usize = 10;

/// The import of everything but messages.
pub(super) struct Entities<'a> {
    choices: &'a Choices,
    importing: Importing,
    report: Report,
    /// Image files that were copied, to be removed if the import fails.
    copied: Vec<PathBuf>,
    no_password: Vec<String>,
    costly: Vec<String>,
    enabled_plugins: BTreeSet<String>,
    lost_images: Vec<String>,
}

/// The rows here of what came.
pub(super) struct Here {
    pub(super) report: Report,
    /// The application and user here, by the application there.
    pub(super) applications: HashMap<i64, (i64, i64)>,
}

impl<'a> Entities<'a> {
    pub(super) fn new(choices: &'a Choices, importing: Importing) -> Self {
        Self {
            choices,
            importing,
            report: Report::default(),
            copied: Vec::new(),
            no_password: Vec::new(),
            costly: Vec::new(),
            enabled_plugins: BTreeSet::new(),
            lost_images: Vec::new(),
        }
    }

    /// Adds all of them. On an error, nothing has come.
    pub(super) async fn add(&mut self, theirs: &GotifyEntities) -> Result<(), ImportError> {
        let added = self.add_all(theirs).await;
        if added.is_err() {
            for file in &self.copied {
                // One that stays is shown by no application.
                let _ = fs::remove_file(file);
            }
        }
        added
    }

    async fn add_all(&mut self, theirs: &GotifyEntities) -> Result<(), ImportError> {
        self.check_names(&theirs.users).await?;
        for user in &theirs.users {
            self.user(user).await?;
        }
        for application in &theirs.applications {
            self.application(application).await?;
        }
        for client in &theirs.clients {
            self.report.clients.found += 1;
            if self
                .importing
                .known(ImportedKind::Client, client.id)
                .is_some()
            {
                self.report.clients.present += 1;
                continue;
            }
            let Some(user_id) = self.user_here(client.user_id).await? else {
                self.report.clients.left_out += 1;
                continue;
            };
            let added = self.importing.client(ImportedClient {
                id: client.id,
                user_id,
                token: TokenHash::of_stored(&client.token),
                name: &client.name,
                created_ms: client
                    .created_ms
                    .or(client.last_used_ms)
                    .unwrap_or_else(now_ms),
                last_used_ms: client.last_used_ms,
                expires_after_seconds: client.expires_after_seconds,
            });
            added.await.map_err(taken(&client.name))?;
            self.report.clients.added += 1;
        }
        for plugin in &theirs.plugins {
            self.plugin(plugin).await?;
        }
        Ok(())
    }

    /// Makes it all last, unless this is a dry run.
    pub(super) async fn finish(mut self) -> Result<Here, ImportError> {
        self.add_notes();
        let mut applications = HashMap::new();
        for (theirs, ours) in self.importing.all(ImportedKind::Application) {
            if let Some(user) = self.importing.user_of_application(ours).await? {
                applications.insert(theirs, (ours, user));
            }
        }
        if self.choices.dry_run {
            drop(self.importing);
        } else {
            self.importing.commit().await?;
        }
        Ok(Here {
            report: self.report,
            applications,
        })
    }

    fn add_notes(&mut self) {
        let notes = &mut self.report.notes;
        if !self.no_password.is_empty() {
            notes.push(format!(
                "{} had no password in Gotify: set one with `mortise user password NAME`",
                listed(&self.no_password)
            ));
        }
        if !self.costly.is_empty() {
            notes.push(format!(
                "the passwords of {} are hashed with a cost above {MOST_COST}, which this server \
                 does not compute: set new ones with `mortise user password NAME`",
                listed(&self.costly)
            ));
        }
        if !self.lost_images.is_empty() {
            notes.push(format!(
                "the images of {} were not found or are no PNG, JPEG, GIF or WebP; name their \
                 folder with --images",
                listed(&self.lost_images)
            ));
        }
        for plugin in &self.enabled_plugins {
            notes.push(format!(
                "the plugin `{plugin}` was enabled: build it for Mortise (see \
                 docs/porting-a-gotify-plugin.md), install it, and enable it; its configuration \
                 and storage are here"
            ));
        }
    }

    /// Checks for users whose names are taken, all at once.
    async fn check_names(&mut self, users: &[GotifyUser]) -> Result<(), ImportError> {
        if self.choices.same_name != SameName::Stop {
            return Ok(());
        }
        let mut conflicts = Vec::new();
        for user in users {
            if self.importing.known(ImportedKind::User, user.id).is_none()
                && self.importing.user_by_name(&user.name).await?.is_some()
            {
                conflicts.push(user.name.clone());
            }
        }
        if conflicts.is_empty() {
            Ok(())
        } else {
            Err(ImportError::NamesTaken(conflicts))
        }
    }

    async fn user(&mut self, user: &GotifyUser) -> Result<(), ImportError> {
        self.report.users.found += 1;
        if self.importing.known(ImportedKind::User, user.id).is_some() {
            self.report.users.present += 1;
            return Ok(());
        }
        let mut name = user.name.clone();
        if let Some(ours) = self.importing.user_by_name(&name).await? {
            if self.choices.same_name == SameName::Merge {
                self.importing.same_user(user.id, ours).await?;
                if !user.oidc_id.is_empty() {
                    self.importing.identity(ours, &user.oidc_id).await?;
                }
                self.report.users.present += 1;
                return Ok(());
            }
            name = self.free_name(&name).await?;
        }
        let hash = self.password_hash(user).await?;
        let added = self.importing.user(
            user.id,
            &name,
            &hash,
            user.admin,
            user.created_ms.unwrap_or_else(now_ms),
        );
        let ours = added.await?;
        if !user.oidc_id.is_empty() {
            self.importing.identity(ours, &user.oidc_id).await?;
        }
        self.report.users.added += 1;
        Ok(())
    }

    async fn free_name(&mut self, name: &str) -> Result<String, StoreError> {
        let mut free = format!("{name}-gotify");
        let mut number = 2;
        while self.importing.user_by_name(&free).await?.is_some() {
            free = format!("{name}-gotify-{number}");
            number += 1;
        }
        Ok(free)
    }

    /// The hash to store: Gotify's own, or that of a random password.
    async fn password_hash(&mut self, user: &GotifyUser) -> Result<String, ImportError> {
        let hash = String::from_utf8_lossy(&user.pass);
        match bcrypt_cost(&hash) {
            Some(cost) if cost <= MOST_COST => return Ok(hash.into_owned()),
            Some(_) => self.costly.push(user.name.clone()),
            // The OpenID provider knows them.
            None if !user.oidc_id.is_empty() => {}
            None => self.no_password.push(user.name.clone()),
        }
        let unknown =
            generate_password().map_err(|error| PasswordError::Hash(error.to_string()))?;
        Ok(Passwords::new()?.hash(&unknown).await?)
    }

    /// The user here of a user there; none if it was deleted here, or never was.
    async fn user_here(&mut self, theirs: i64) -> Result<Option<i64>, StoreError> {
        match self.importing.known(ImportedKind::User, theirs) {
            Some(id) if self.importing.exists(ImportedKind::User, id).await? => Ok(Some(id)),
            _ => Ok(None),
        }
    }

    async fn application(&mut self, theirs: &GotifyApplication) -> Result<(), ImportError> {
        self.report.applications.found += 1;
        let has_image = !theirs.image.is_empty();
        if has_image {
            self.report.images.found += 1;
        }
        if self
            .importing
            .known(ImportedKind::Application, theirs.id)
            .is_some()
        {
            self.report.applications.present += 1;
            self.report.images.present += u64::from(has_image);
            return Ok(());
        }
        let Some(user_id) = self.user_here(theirs.user_id).await? else {
            self.report.applications.left_out += 1;
            self.report.images.left_out += u64::from(has_image);
            return Ok(());
        };
        let image = if has_image { self.image(theirs)? } else { None };
        let added = self.importing.application(ImportedApplication {
            id: theirs.id,
            user_id,
            token: TokenHash::of_stored(&theirs.token),
            name: &theirs.name,
            description: &theirs.description,
            default_priority: theirs.default_priority,
            sort_key: &theirs.sort_key,
            image: image.as_deref(),
            created_ms: theirs
                .created_ms
                .or(theirs.last_used_ms)
                .unwrap_or_else(now_ms),
            last_used_ms: theirs.last_used_ms,
        });
        added.await.map_err(taken(&theirs.name))?;
        self.report.applications.added += 1;
        Ok(())
    }

    /// Copies an application's image and returns its name here; none if there is
    /// no image to copy.
    fn image(&mut self, theirs: &GotifyApplication) -> Result<Option<String>, ImportError> {
        let beside = match &self.choices.source {
            GotifySource::File(file) => {
                let folder = file.parent().unwrap_or(Path::new("."));
                Some(folder.join("images"))
            }
            GotifySource::Postgres(_) => None,
        };
        let folder = self.choices.images.clone().or(beside);
        let lost = |this: &mut Self| {
            this.report.images.left_out += 1;
            this.lost_images.push(theirs.name.clone());
            Ok(None)
        };
        // A name, and not a way to another folder.
        if Path::new(&theirs.image).file_name() != Some(theirs.image.as_ref()) {
            return lost(self);
        }
        let bytes = folder.and_then(|folder| read_bounded(&folder.join(&theirs.image)).ok());
        let Some(bytes) = bytes else {
            return lost(self);
        };
        // The same at each run, so that an interrupted one leaves nothing behind.
        let digest = Sha256::new()
            .chain_update(theirs.token.as_bytes())
            .chain_update(&theirs.image)
            .chain_update(&bytes)
            .finalize();
        let mut digits = [0; 16];
        for (to, from) in digits.iter_mut().zip(digest) {
            *to = from;
        }
        let Some(name) = images::file_name(&bytes, digits) else {
            return lost(self);
        };
        if !self.choices.dry_run {
            let folder = self.choices.data_dir.join("images");
            let path = folder.join(&name);
            files::make_private_folder(&folder)
                .and_then(|()| fs::write(&path, &bytes))
                .map_err(|source| ImportError::File {
                    doing: "write",
                    path: path.clone(),
                    source,
                })?;
            self.copied.push(path);
        }
        self.report.images.added += 1;
        Ok(Some(name))
    }

    async fn plugin(&mut self, theirs: &GotifyPlugin) -> Result<(), ImportError> {
        self.report.plugins.found += 1;
        if self
            .importing
            .known(ImportedKind::Plugin, theirs.id)
            .is_some()
        {
            self.report.plugins.present += 1;
            return Ok(());
        }
        let plugin = plugin_id(&theirs.module_path);
        let user = self.user_here(theirs.user_id).await?;
        let (Some(user_id), false) = (user, plugin.is_empty() || plugin.len() > PLUGIN_ID_BYTES)
        else {
            self.report.plugins.left_out += 1;
            return Ok(());
        };
        let config = String::from_utf8_lossy(&theirs.config);
        let application = self
            .importing
            .known(ImportedKind::Application, theirs.application_id);
        let added = self.importing.plugin(ImportedPlugin {
            id: theirs.id,
            user_id,
            plugin: &plugin,
            token: &theirs.token,
            config: (!config.trim().is_empty()).then_some(&*config),
            storage: (!theirs.storage.is_empty())
                .then_some((STORAGE_KEY, theirs.storage.as_slice())),
            application,
            note: theirs
                .enabled
                .then_some("was enabled in Gotify; enable it here"),
            created_ms: theirs.created_ms.unwrap_or_else(now_ms),
        });
        match added.await.map_err(taken(&theirs.module_path))? {
            Some(_) => {
                self.report.plugins.added += 1;
                if theirs.enabled {
                    self.enabled_plugins.insert(plugin);
                }
            }
            None => self.report.plugins.present += 1,
        }
        Ok(())
    }
}

/// The id that a plugin for Gotify has here: its module path in lower case, with
/// `-` for characters that an id does not have.
fn plugin_id(module_path: &str) -> String {
    let lower = module_path.to_lowercase();
    let letters = lower.chars().map(|letter| match letter {
        'a'..='z' | '0'..='9' | '.' | '_' | '/' | '-' => letter,
        _ => '-',
    });
    letters.collect()
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    files::read(path, IMAGE_BYTES)
}

fn listed(names: &[String]) -> String {
    let mut text: Vec<_> = names
        .iter()
        .take(NAMED)
        .map(|name| format!("`{name}`"))
        .collect();
    if names.len() > NAMED {
        text.push(format!("and {} more", names.len() - NAMED));
    }
    text.join(", ")
}

fn taken(name: &str) -> impl FnOnce(StoreError) -> ImportError {
    let name = name.to_owned();
    move |error| match error {
        StoreError::Conflict(conflict) => ImportError::TokenTaken { name, conflict },
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::plugin_id;

    #[test]
    fn a_module_path_becomes_the_id_of_the_ported_plugin() {
        assert_eq!(plugin_id("github.com/Me/Plug_in"), "github.com/me/plug_in");
        assert_eq!(
            plugin_id("https://github.com/me/x"),
            "https-//github.com/me/x"
        );
        assert_eq!(plugin_id("a b"), "a-b");
        assert_eq!(plugin_id(""), "");
    }
}
