//! The page that shows the description of the gateway, with Swagger UI from the binary itself.

use axum::body::Body;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use swagger_ui_dist::{ApiDefinition, OpenApiSource, generate_routes};
use tower::ServiceExt as _;

use crate::answer::{self, Answer};

const PAGE: &str = include_str!("docs.html");

/// Where the assets are.
const PREFIX: &str = "/docs";

/// The assets of the page, and their types.
const ASSETS: [(&str, &str); 2] =
    [("/docs/swagger-ui.css", "text/css"), ("/docs/swagger-ui-bundle.js", "text/javascript")];

/// The page.
pub(crate) fn page() -> Answer {
    answer::content(StatusCode::OK, "text/html", Bytes::from_static(PAGE.as_bytes()))
}

/// One of its assets, if there is one at this path. The page of the library is not used: it repeats what stands in the
/// address.
pub(crate) async fn asset(path: &str) -> Option<Answer> {
    let (known, media_type) = ASSETS.into_iter().find(|(known, _)| *known == path)?;
    let router = generate_routes(ApiDefinition {
        uri_prefix: PREFIX,
        api_definition: OpenApiSource::Uri("./api"),
        title: None,
    });
    let request = Request::get(known).body(Body::empty()).ok()?;
    let found = router.oneshot(request).await.ok()?;
    let body = found.into_body().collect().await.ok()?.to_bytes();
    Some(answer::content(StatusCode::OK, media_type, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_asset_of_the_page_is_here() {
        for (path, _) in ASSETS {
            assert!(PAGE.contains(&format!("\".{path}\"")), "{path}");
            let answer = asset(path).await.unwrap();
            assert!(answer.into_body().collect().await.unwrap().to_bytes().len() > 100_000);
        }
        assert!(!PAGE.contains("//"), "nothing comes from elsewhere");
        assert!(asset("/docs/other").await.is_none());
    }
}
