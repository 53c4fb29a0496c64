//! Where a request carries its token.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::token::from_headers;

fn extracted(headers: &[(&str, &str)]) -> Option<String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    from_headers(&map)
}

#[test]
fn a_token_stands_in_one_of_two_headers() {
    for (headers, expected) in [
        (&[("Authorization", "Bearer t")][..], Some("t")),
        (&[("authorization", "bearer t")], Some("t")),
        (&[("AUTHORIZATION", "BEARER    t  ")], Some("t")),
        (&[("bearer", "t")], Some("t")),
        (&[("BEARER", "  t ")], Some("t")),
        (&[("bearer", ""), ("Authorization", "Bearer t")], Some("t")),
        (&[("bearer", " \t"), ("Authorization", "Bearer t")], Some("t")),
        // It is no token, and refused as one.
        (&[("bearer", "garbage"), ("Authorization", "Bearer t")], Some("garbage")),
        (&[("bearer", "Bearer t")], Some("Bearer t")),
        (&[("Authorization", "Bearer a b")], Some("a b")),
        (&[("bearer", "é")], Some("é")),
        (&[], None),
        (&[("Authorization", "")], None),
        (&[("Authorization", "t")], None),
        (&[("Authorization", "Bearer")], None),
        (&[("Authorization", "Bearer ")], None),
        (&[("Authorization", "Bearer\tt")], None),
        (&[("Authorization", "Bearerx t")], None),
        (&[("Authorization", "Basic abc123")], None),
        (&[("Authorization", "éééé t")], None),
        // The last of several counts.
        (&[("bearer", "a"), ("bearer", "b")], Some("b")),
        (&[("Authorization", "Basic a"), ("Authorization", "Bearer b")], Some("b")),
        (&[("Authorization", "Bearer a"), ("Authorization", "Basic b")], None),
    ] {
        assert_eq!(extracted(headers).as_deref(), expected, "{headers:?}");
    }
}
