//! Whose a socket is.

use std::fs::{read_dir, read_link, read_to_string};

/// Name and id of a process that has the socket of this inode open, as far as `/proc` shows it.
pub fn of_socket(inode: u32) -> Option<String> {
    let link = format!("socket:[{inode}]");
    let processes = read_dir("/proc").ok()?.flatten();
    let mut ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let id = ids.find(|id| {
        let files = read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
        files
            .filter_map(|file| read_link(file.path()).ok())
            .any(|to| to.as_os_str() == link.as_str())
    })?;
    let name = read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
    Some(format!("{} (process {id})", name.trim_end()))
}
