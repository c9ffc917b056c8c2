//! The tables, by version.

use sqlx::AnyPool;
use sqlx::migrate::{MigrateError, Migrator};

use crate::error::StoreError;

/// The tables of SQLite.
pub(super) static SQLITE: Schema = Schema(sqlx::migrate!("./migrations/sqlite"));
/// The tables of PostgreSQL.
pub(super) static POSTGRES: Schema = Schema(sqlx::migrate!("./migrations/postgres"));

/// The migrations that this version of the program knows.
pub(super) struct Schema(Migrator);

impl Schema {
    /// Applies the migrations that are missing.
    pub(super) async fn migrate(&self, pool: &AnyPool) -> Result<(), StoreError> {
        Ok(self.0.run(pool).await?)
    }

    /// Every migration of this version was applied, and none of a later one.
    pub(super) async fn check(&self, pool: &AnyPool) -> Result<(), StoreError> {
        let applied: Vec<i64> =
            sqlx::query_scalar("SELECT version FROM _sqlx_migrations ORDER BY version")
                .fetch_all(pool)
                .await?;
        let known = self.versions();
        if let Some(newer) = applied.iter().find(|version| !known.contains(version)) {
            return Err(MigrateError::VersionMissing(*newer).into());
        }
        match known.iter().find(|version| !applied.contains(version)) {
            Some(missing) => Err(MigrateError::VersionNotPresent(*missing).into()),
            None => Ok(()),
        }
    }

    fn versions(&self) -> Vec<i64> {
        self.0.iter().map(|migration| migration.version).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_are_of_the_same_version() {
        let sqlite = SQLITE.versions();
        let postgres = POSTGRES.versions();
        let first = postgres[0];
        let since: Vec<i64> = sqlite
            .into_iter()
            .filter(|version| *version >= first)
            .collect();
        assert_eq!(since, postgres);
    }
}
