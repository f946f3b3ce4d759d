//! A dump of a database on MySQL or MariaDB, as `mysqldump` and `mariadb-dump` write
//! it. Its rows of Gotify's tables are copied to a database of SQLite in a folder of
//! its own, which is read in its place.

mod tokens;

use std::{collections::BTreeMap, fs::File, io, path::Path};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection,
    query::Query,
    sqlite::{Sqlite, SqliteArguments, SqliteConnectOptions},
};
use tempfile::TempDir;

use self::tokens::{Token, Tokens};
use super::schema;

/// The most columns of a table.
const COLUMNS: usize = 64;
/// The words with which a line of `CREATE TABLE` begins that is no column.
const INDEXES: [&str; 9] = [
    "PRIMARY",
    "KEY",
    "UNIQUE",
    "INDEX",
    "FULLTEXT",
    "SPATIAL",
    "CONSTRAINT",
    "FOREIGN",
    "CHECK",
];
/// The name of the copy.
pub(super) const COPY: &str = "gotify.db";
/// The beginnings of a dump, behind blanks.
const BEGINNINGS: [&[u8]; 8] = [
    b"-- MySQL dump",
    b"-- MariaDB dump",
    b"/*M!",
    b"/*!",
    b"-- ",
    b"CREATE TABLE",
    b"DROP TABLE",
    b"INSERT INTO",
];

/// The reason for which a dump is not copied.
#[derive(Debug, thiserror::Error)]
pub(super) enum DumpError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// It is not as the programs write it.
    #[error("line {line}: {cause}")]
    Syntax { line: u64, cause: String },
    /// The copy.
    #[error("its copy cannot be written: {0}")]
    Copy(#[from] sqlx::Error),
}

/// Returns true for the first bytes of a dump.
pub(super) fn is_one(start: &[u8]) -> bool {
    let start = start.trim_ascii_start();
    BEGINNINGS
        .iter()
        .any(|beginning| start.starts_with(beginning))
}

/// Copies a dump to a database in a new folder.
///
/// # Errors
///
/// [`DumpError`].
pub(super) async fn copied(path: &Path) -> Result<TempDir, DumpError> {
    let folder = TempDir::new()?;
    let mut connection = SqliteConnectOptions::new()
        .filename(folder.path().join(COPY))
        .create_if_missing(true)
        .disable_statement_logging()
        .connect()
        .await?;
    // It is of use only while the import runs.
    sqlx::query("PRAGMA synchronous = OFF")
        .execute(&mut connection)
        .await?;
    let mut transaction = connection.begin().await?;
    let mut dump = Dump {
        tokens: Tokens::new(File::open(path)?),
        tables: BTreeMap::new(),
    };
    dump.copy(&mut transaction).await?;
    transaction.commit().await?;
    connection.close().await?;
    Ok(folder)
}

/// The kind of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bytes,
    /// A time without its zone: Gotify writes that of its connection, by default that
    /// of its machine.
    LocalTime,
    /// A time that the dump has in UTC.
    Time,
    Other,
}

impl Kind {
    fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "datetime" => Self::LocalTime,
            "timestamp" => Self::Time,
            name if name.ends_with("blob") || name.ends_with("binary") => Self::Bytes,
            _ => Self::Other,
        }
    }
}

/// The columns of a table, in their order.
type Table = Vec<(String, Kind)>;

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cell {
    Null,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A dump on its way.
struct Dump<R> {
    tokens: Tokens<R>,
    /// Gotify's tables.
    tables: BTreeMap<String, Table>,
}

impl<R: io::Read> Dump<R> {
    /// Copies all statements to their end.
    async fn copy(&mut self, to: &mut SqliteConnection) -> Result<(), DumpError> {
        while let Some(token) = self.tokens.next()? {
            if token.is("CREATE") {
                self.create(to).await?;
            } else if token.is("INSERT") || token.is("REPLACE") {
                self.insert(to).await?;
            } else if token != Token::Sign(b';') {
                self.skip_statement()?;
            }
        }
        Ok(())
    }

    /// A table, if it is one of Gotify's.
    async fn create(&mut self, to: &mut SqliteConnection) -> Result<(), DumpError> {
        let mut word = self.some()?;
        if !word.is("TABLE") {
            return self.skip_from(&word);
        }
        loop {
            word = self.some()?;
            if ["IF", "NOT", "EXISTS"]
                .iter()
                .all(|keyword| !word.is(keyword))
            {
                break;
            }
        }
        let name = self.named(word)?;
        if !schema::is_table(&name) {
            return self.skip_statement();
        }
        if self.tables.contains_key(&name) {
            return self.wrong(format!(
                "there is a second table `{name}`: make a dump of Gotify's database alone"
            ));
        }
        self.expect(b'(')?;
        let mut table = Table::new();
        let (mut depth, mut first) = (1_usize, true);
        while depth > 0 {
            let mut token = self.some()?;
            // Without quotes around names.
            if let Token::Word(word) = &token
                && first
                && !INDEXES.iter().any(|index| token.is(index))
            {
                token = Token::Name(word.clone());
            }
            match token {
                Token::Sign(b'(') => depth += 1,
                Token::Sign(b')') => depth -= 1,
                Token::Sign(b',') if depth == 1 => {
                    first = true;
                    continue;
                }
                Token::Name(column) if first => {
                    let Token::Word(kind) = self.some()? else {
                        return self.wrong(format!("the column `{column}` has no type"));
                    };
                    if table.len() == COLUMNS {
                        return self.wrong(format!("`{name}` has more than {COLUMNS} columns"));
                    }
                    table.push((column, Kind::of(&kind)));
                }
                _ => {}
            }
            first = false;
        }
        if table.is_empty() {
            return self.wrong(format!("the table `{name}` has no columns"));
        }
        let columns: Vec<_> = table
            .iter()
            .map(|(column, kind)| {
                let kind = if *kind == Kind::Bytes { "blob" } else { "" };
                format!("{} {kind}", quoted(column))
            })
            .collect();
        let text = format!("CREATE TABLE {name} ({})", columns.join(", "));
        sqlx::query(AssertSqlSafe(text)).execute(to).await?;
        self.tables.insert(name, table);
        self.skip_statement()
    }

    /// Rows of a table, if it is one of Gotify's.
    async fn insert(&mut self, to: &mut SqliteConnection) -> Result<(), DumpError> {
        let mut word = self.some()?;
        while ["IGNORE", "INTO", "DELAYED", "LOW_PRIORITY"]
            .iter()
            .any(|keyword| word.is(keyword))
        {
            word = self.some()?;
        }
        let name = self.named(word)?;
        if !schema::is_table(&name) {
            return self.skip_statement();
        }
        let Some(table) = self.tables.get(&name).cloned() else {
            return self.wrong(format!(
                "there are rows of `{name}` before its CREATE TABLE: make the dump without \
                 --no-create-info"
            ));
        };
        let mut columns = table.clone();
        let mut word = self.some()?;
        if word == Token::Sign(b'(') {
            columns = self.columns(&name, &table)?;
            word = self.some()?;
        }
        if !word.is("VALUES") && !word.is("VALUE") {
            return self.wrong(format!("expected the values of rows of `{name}`"));
        }
        let text = insertion(&name, &columns);
        loop {
            self.expect(b'(')?;
            let mut insertion = sqlx::query(AssertSqlSafe(text.clone()));
            for (at, (_, kind)) in columns.iter().enumerate() {
                if at > 0 {
                    self.expect(b',')?;
                }
                let cell = self.cell(*kind)?;
                insertion = bound(insertion, cell);
            }
            self.expect(b')')?;
            insertion.execute(&mut *to).await?;
            match self.some()? {
                Token::Sign(b',') => {}
                Token::Sign(b';') => return Ok(()),
                _ => return self.wrong(format!("expected another row of `{name}`, or the end")),
            }
        }
    }

    /// The named columns of rows, behind the bracket.
    fn columns(&mut self, name: &str, table: &Table) -> Result<Table, DumpError> {
        let mut columns = Table::new();
        loop {
            let word = self.some()?;
            let column = self.named(word)?;
            let known = table.iter().find(|(known, _)| *known == column);
            let Some(known) = known.filter(|_| columns.len() < COLUMNS) else {
                return self.wrong(format!("the table `{name}` has no column `{column}`"));
            };
            columns.push(known.clone());
            match self.some()? {
                Token::Sign(b',') => {}
                Token::Sign(b')') => return Ok(columns),
                _ => return self.wrong("expected another column".to_owned()),
            }
        }
    }

    /// A value of a row.
    fn cell(&mut self, kind: Kind) -> Result<Cell, DumpError> {
        let mut token = self.some()?;
        let negative = token == Token::Sign(b'-');
        if negative {
            token = self.some()?;
        }
        // Such as `_binary`, before a text.
        if matches!(&token, Token::Word(word) if word.starts_with('_')) {
            token = self.some()?;
        }
        Ok(match token {
            Token::Text(bytes) if kind == Kind::Bytes => Cell::Bytes(bytes),
            Token::Text(bytes) => Cell::Text(String::from_utf8_lossy(&bytes).into_owned()),
            token if token.is("NULL") => Cell::Null,
            token if token.is("TRUE") => Cell::Number(1),
            token if token.is("FALSE") => Cell::Number(0),
            Token::Word(word) => {
                let signed = if negative { format!("-{word}") } else { word };
                match signed.parse() {
                    Ok(number) => Cell::Number(number),
                    Err(_) if signed.parse::<f64>().is_ok() => Cell::Text(signed),
                    Err(_) => return self.wrong(format!("`{}` is no value", shown(&signed))),
                }
            }
            _ => return self.wrong("expected a value".to_owned()),
        })
    }

    /// The next word, which must be there.
    fn some(&mut self) -> Result<Token, DumpError> {
        match self.tokens.next()? {
            Some(token) => Ok(token),
            None => self.wrong("it ends within a statement: make the dump again".to_owned()),
        }
    }

    fn named(&self, token: Token) -> Result<String, DumpError> {
        match token {
            Token::Name(name) | Token::Word(name) => Ok(name),
            _ => self.wrong("expected a name".to_owned()),
        }
    }

    fn expect(&mut self, sign: u8) -> Result<(), DumpError> {
        if self.some()? == Token::Sign(sign) {
            return Ok(());
        }
        self.wrong(format!("expected `{}`", char::from(sign)))
    }

    fn skip_from(&mut self, token: &Token) -> Result<(), DumpError> {
        if *token == Token::Sign(b';') {
            return Ok(());
        }
        self.skip_statement()
    }

    fn skip_statement(&mut self) -> Result<(), DumpError> {
        while let Some(token) = self.tokens.next()? {
            if token == Token::Sign(b';') {
                break;
            }
        }
        Ok(())
    }

    fn wrong<T>(&self, cause: String) -> Result<T, DumpError> {
        Err(DumpError::Syntax {
            line: self.tokens.line,
            cause,
        })
    }
}

/// The statement that inserts a row.
fn insertion(name: &str, columns: &Table) -> String {
    let names: Vec<_> = columns.iter().map(|(column, _)| quoted(column)).collect();
    let values: Vec<_> = (1..)
        .zip(columns)
        .map(|(number, (_, kind))| match kind {
            // SQLite reads the time zone as other programs do, from TZ or the system.
            Kind::LocalTime => format!("strftime('%Y-%m-%d %H:%M:%f', ${number}, 'utc')"),
            _ => format!("${number}"),
        })
        .collect();
    format!(
        "INSERT INTO {name} ({}) VALUES ({})",
        names.join(", "),
        values.join(", ")
    )
}

fn bound(
    insertion: Query<'_, Sqlite, SqliteArguments>,
    cell: Cell,
) -> Query<'_, Sqlite, SqliteArguments> {
    match cell {
        Cell::Null => insertion.bind(None::<i64>),
        Cell::Number(number) => insertion.bind(number),
        Cell::Text(text) => insertion.bind(text),
        Cell::Bytes(bytes) => insertion.bind(bytes),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The beginning of a text, for an error.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}
