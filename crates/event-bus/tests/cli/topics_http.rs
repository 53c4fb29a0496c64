//! `examples/topics/topics.http`: each request is answered with the status that the file names.

use std::fs;

use testkit::http;

use crate::topics_world::{Planned, Topics, USER, statistics, token};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/topics/topics.http");

/// Every endpoint, by the beginning of its request line.
const ENDPOINTS: [&str; 10] = [
    "GET /api",
    "GET /docs",
    "GET /token",
    "GET /health",
    "GET /topics",
    "GET /topics/",
    "POST /topics/",
    "POST /topics/",
    "POST /stats/",
    "POST /terminate",
];

struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    status: u16,
}

/// The requests between `###`, each with its status in a comment.
fn requests(token: &str) -> Vec<Request> {
    let text = fs::read_to_string(FILE).unwrap();
    let requests = text.split("\n###").skip(1).map(|part| {
        let part = part.replace("{{gateway}}", "").replace("{{token}}", token);
        let (head, body) = part.split_once("\n\n").unwrap_or((&part, ""));
        let mut lines = head.lines().skip(1);
        let status = lines.next().unwrap().strip_prefix("# ").unwrap().parse().unwrap();
        let (method, path) = lines.next().unwrap().split_once(' ').unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        Request {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: body.trim_end().to_owned(),
            status,
        }
    });
    requests.collect()
}

fn is_built(request: &Request) -> bool {
    match (request.path.starts_with("/stats"), request.status) {
        (true, _) => Planned::Statistics.is_built(),
        (_, 207) => Planned::Batches.is_built(),
        _ => true,
    }
}

#[tokio::test]
async fn each_request_is_answered_as_the_file_says() {
    let (server, section) = match Planned::Statistics.is_built() {
        true => Some(statistics().await),
        false => None,
    }
    .unzip();
    let topics = Topics::start(&section.unwrap_or_default()).await;
    let requests = requests(&token(USER));
    assert_eq!(requests.len(), ENDPOINTS.len());
    for (request, endpoint) in requests.iter().zip(ENDPOINTS) {
        let Request { method, path, headers, body, status } = request;
        assert!(format!("{method} {path}").starts_with(endpoint), "{method} {path}: {endpoint}");
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = http::send(method, &topics.url(path), &headers, body.as_bytes()).await;
        let is_as_said = answer.status == *status;
        assert_eq!(is_as_said, is_built(request), "{method} {path}: {}", answer.text());
    }
    drop(server);
    topics.stop().await;
}
