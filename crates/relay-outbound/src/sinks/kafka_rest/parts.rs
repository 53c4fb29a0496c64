//! How the records of a topic are parted into requests.

/// Bytes of records that go into one request. A larger record goes alone.
const MAX_REQUEST: usize = 4 * 1024 * 1024;

/// A record of the batch, as it stands in a request.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Its place in the batch.
    pub(super) index: usize,
    pub(super) json: Vec<u8>,
}

/// Parts the records into requests, the first one last.
pub(super) fn requests(records: &[Outgoing]) -> Vec<&[Outgoing]> {
    let mut parts = Vec::new();
    let (mut begin, mut size) = (0, 0);
    for (index, record) in records.iter().enumerate() {
        if index > begin && size + record.json.len() > MAX_REQUEST {
            parts.push(&records[begin..index]);
            (begin, size) = (index, 0);
        }
        size += record.json.len();
    }
    parts.push(&records[begin..]);
    parts.reverse();
    parts
}
