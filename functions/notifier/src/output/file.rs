//! Alerts in a file, one per line, appended and synced before they count as sent.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::change::Notification;
use postern_host::config::BodyFormat;
use tokio::sync::Mutex;

use super::{Output, Receipt, Refusal};
use crate::body;

/// A file, opened anew for each alert, so that it may be rotated.
pub(super) struct File {
    path: Arc<Path>,
    body: BodyFormat,
    /// One writer at a time.
    writing: Mutex<()>,
}

impl File {
    pub(super) fn new(path: &str, body: BodyFormat) -> Self {
        Self {
            path: PathBuf::from(path).into(),
            body,
            writing: Mutex::new(()),
        }
    }
}

#[async_trait]
impl Output for File {
    async fn send(&self, alert: &Notification, _: Timestamp) -> Result<Receipt, Refusal> {
        let mut line = body::written(self.body, alert).map_err(Refusal::dead)?;
        line.push(b'\n');
        let _one = self.writing.lock().await;
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || append(&path, &line)).await;
        let outcome = written.map_err(Refusal::again)?;
        outcome.map_err(|e| Refusal::again(format!("{}: {e}", self.path.display())))?;
        Ok(Receipt::new("written"))
    }
}

fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    let new = !path.exists();
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let mut bytes = Vec::with_capacity(line.len() + 1);
    if !ends_line(&mut file)? {
        // What was cut off by a crash stays a line of its own.
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(line);
    file.write_all(&bytes)?;
    file.sync_data()?;
    match path.parent() {
        Some(folder) if new && !folder.as_os_str().is_empty() => {
            std::fs::File::open(folder)?.sync_all()
        }
        _ => Ok(()),
    }
}

fn ends_line(file: &mut std::fs::File) -> io::Result<bool> {
    let length = file.seek(SeekFrom::End(0))?;
    if length == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(length - 1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::alert;

    #[tokio::test]
    async fn each_alert_is_one_line_even_after_a_torn_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.ndjson");
        std::fs::write(&path, b"{\"torn").unwrap();
        let file = File::new(path.to_str().unwrap(), BodyFormat::CloudEvents);
        for revision in [1, 2] {
            file.send(&alert("01CASE", revision), Timestamp::UNIX_EPOCH)
                .await
                .unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        for (line, id) in lines[1..].iter().zip(["01CASE-1", "01CASE-2"]) {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(event["id"], id);
        }
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::new(
            folder.path().join("none/alerts").to_str().unwrap(),
            BodyFormat::Native,
        );
        let refusal = file
            .send(&alert("c", 1), Timestamp::UNIX_EPOCH)
            .await
            .unwrap_err();
        assert_eq!(refusal.retry, super::super::Retry::Again(None));
    }
}
