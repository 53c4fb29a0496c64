//! Tokens that somebody made up, in every form in which a token may come: each is answered 401, and costs the key server
//! next to nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngExt as _;
use ring::hmac;
use ring::signature::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA512,
};
use serde_json::{Value, json};
use testkit::tokens::encode;
use testkit::{CaptureSink, Signer, http, rng, size};

use crate::world::{Message, TEST, USER, World, at_once, claims, now, token};

/// What the contract answers to all of them.
const REFUSED: &str = r#"{"success":false,"statusCode":401,"errors":[{"type":"auth","message":"Invalid or missing token"}]}"#;

/// Headers of one request.
type Headers = Vec<(String, String)>;

fn header(extra: Value) -> Value {
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    header.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    header
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()))
}

fn hmac_signed(alg: &str, algorithm: hmac::Algorithm, secret: &[u8]) -> String {
    let message = unsigned(&json!({ "alg": alg, "typ": "JWT" }), &claims(USER));
    let tag = hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes());
    format!("{message}.{}", encode(tag.as_ref()))
}

fn good_token() -> String {
    token(&Signer::a(), USER)
}

/// Signed by nobody, by somebody else, or in another way.
fn forged(elsewhere: &str) -> Vec<String> {
    let (a, b) = (Signer::a(), Signer::b());
    let good = claims(USER);
    let token = a.token(&good);
    let signature = token.rsplit('.').next().unwrap();
    let mut tokens = Vec::new();
    for alg in
        ["none", "None", "NONE", "nOnE", "", "rs256", "HS256", "RS257", "ES256", "EdDSA", "dir"]
    {
        let bare = unsigned(&json!({ "alg": alg, "typ": "JWT" }), &good);
        tokens.extend([bare.clone(), format!("{bare}."), format!("{bare}.{signature}")]);
    }
    for alg in [Value::Null, json!(0), json!(["RS256"]), json!({ "RS256": 1 }), json!(true)] {
        tokens.push(format!("{}.{signature}", unsigned(&json!({ "alg": alg }), &good)));
    }
    // The public key is public: as a secret it must open nothing.
    let base64 = STANDARD.encode(a.spki());
    let pem = |end: &str| {
        let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        let lines = lines.join("\n");
        format!("-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----{end}").into_bytes()
    };
    let jwk = a.jwk("a").to_string().into_bytes();
    for secret in [a.spki(), base64.clone().into_bytes(), pem(""), pem("\n"), jwk, Vec::new()] {
        tokens.push(hmac_signed("HS256", hmac::HMAC_SHA256, &secret));
        tokens.push(hmac_signed("HS384", hmac::HMAC_SHA384, &secret));
        tokens.push(hmac_signed("HS512", hmac::HMAC_SHA512, &secret));
        // It says one thing and does another.
        tokens.push(hmac_signed("RS256", hmac::HMAC_SHA256, &secret));
    }
    let claimed = good.to_string();
    for (alg, encoding) in [
        ("RS384", &RSA_PKCS1_SHA384 as &'static dyn ring::signature::RsaEncoding),
        ("RS512", &RSA_PKCS1_SHA512),
        ("PS256", &RSA_PSS_SHA256),
        ("PS512", &RSA_PSS_SHA512),
        ("RS256", &RSA_PKCS1_SHA384),
        ("RS256", &RSA_PSS_SHA256),
        ("RS384", &RSA_PKCS1_SHA256),
        ("none", &RSA_PKCS1_SHA256),
    ] {
        let header = json!({ "alg": alg }).to_string();
        tokens.push(a.signed_by(encoding, header.as_bytes(), claimed.as_bytes()));
    }
    // Another key, which the token itself recommends.
    tokens.extend([b.token(&good), Signer::c().token(&good)]);
    for extra in [
        json!({ "jwk": b.jwk("b") }),
        json!({ "jwk": b.jwk("b"), "kid": "b" }),
        json!({ "jku": elsewhere, "kid": "b" }),
        json!({ "x5u": elsewhere }),
        json!({ "x5c": [STANDARD.encode(b.spki())] }),
        json!({ "x5t": "b", "kid": "b" }),
        json!({ "kid": "../../../../dev/null" }),
        json!({ "kid": "a' OR '1'='1" }),
        json!({ "kid": elsewhere }),
        json!({ "kid": "" }),
    ] {
        tokens.push(b.with_header(&header(extra), &good));
    }
    // The right key, and demands that nobody here understands.
    for extra in [
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "b64": false, "crit": ["b64"] }),
    ] {
        tokens.push(a.with_header(&header(extra), &good));
    }
    tokens
}

/// Signed well, and saying what makes a token no good (section 4).
fn invalid() -> Vec<String> {
    let a = Signer::a();
    let later = now() + 600;
    let mut tokens: Vec<String> = [
        json!({ "exp": now() - 1 }),
        json!({ "exp": 0 }),
        json!({ "exp": -1 }),
        json!({ "exp": "soon" }),
        json!({ "exp": [] }),
        json!({ "nbf": later }),
        json!({ "nbf": "later" }),
        json!({ "iat": later }),
        json!({ "iat": {} }),
        json!({ "aud": "somebody" }),
        json!({ "aud": ["a", "b"] }),
        json!({ "aud": "" }),
        json!({ "sub": 1 }),
        json!({ "sub": [USER] }),
        json!({ "sub": { "name": USER } }),
        json!({ "sub": true }),
    ]
    .into_iter()
    .map(|extra| {
        let mut claimed = claims(USER);
        claimed.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        a.token(&claimed)
    })
    .collect();
    let head = br#"{"alg":"RS256"}"#;
    for payload in [r#"["pipeline"]"#, r#""pipeline""#, "pipeline", "", "{", "null", "7", "{}{}"] {
        tokens.push(a.signed_by(&RSA_PKCS1_SHA256, head, payload.as_bytes()));
    }
    tokens
}

/// A good token with something added, taken away or changed.
fn tampered(changes: usize) -> Vec<String> {
    let mut random = rng("tampered tokens");
    let token = good_token();
    let parts: Vec<&str> = token.split('.').collect();
    let [head, payload, signature] = parts[..] else { panic!("three parts") };
    let mut admin = claims(USER);
    admin["sub"] = "admin".into();
    let admin = encode(admin.to_string().as_bytes());
    let mut tokens = vec![
        format!("{head}.{admin}.{signature}"),
        format!("{}.{payload}.{signature}", encode(br#"{"alg":"RS256"}"#)),
        format!("{head}.{payload}."),
        format!("{head}.{payload}"),
        format!("{head}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{payload}.{head}.{signature}"),
        format!("{token}.{signature}"),
        format!("{token}.{signature}.{signature}"),
        format!("{token}="),
        format!("{head}=.{payload}.{signature}"),
        format!("{head}.{payload}.{}", encode(&[0; 256])),
        format!("{head}.{payload}.{}", encode(&[255; 256])),
        format!("{head}.{payload}.{}", encode(&[0; 4096])),
        format!("{head}. {payload}.{signature}"),
        format!("{token}{}", "A".repeat(5000)),
        "x".repeat(7000),
        ".".repeat(2000),
        "..".to_owned(),
        "null".to_owned(),
        STANDARD.encode(&token),
        format!(
            r#"{{"payload":"{payload}","signatures":[{{"protected":"{head}","signature":"{signature}"}}]}}"#
        ),
    ];
    let alphabet = b"ABCxyz019-_.";
    while tokens.len() < changes {
        let mut changed = token.clone().into_bytes();
        let place = random.random_range(0..changed.len());
        changed[place] = alphabet[random.random_range(0..alphabet.len())];
        let changed = String::from_utf8(changed).unwrap();
        if changed != token {
            tokens.push(changed);
        }
    }
    tokens
}

/// Where a token may stand.
fn in_each_place(token: &str) -> [Headers; 4] {
    let one = |name: &str, value: String| vec![(name.to_owned(), value)];
    [
        one("Authorization", format!("Bearer {token}")),
        one("authorization", format!("bEARER   {token}")),
        one("Bearer", token.to_owned()),
        // The header `bearer` wins, even where the other one is good.
        vec![
            ("Authorization".to_owned(), format!("Bearer {}", good_token())),
            ("bearer".to_owned(), token.to_owned()),
        ],
    ]
}

/// Headers without a token in the place where one belongs (section 4).
fn misplaced() -> Vec<Headers> {
    let token = good_token();
    let mut headers = vec![Vec::new()];
    for (name, value) in [
        ("Authorization", String::new()),
        ("Authorization", token.clone()),
        ("Authorization", "Bearer".to_owned()),
        ("Authorization", "Bearer ".to_owned()),
        ("Authorization", format!("Basic {token}")),
        ("Authorization", format!("Token {token}")),
        ("Authorization", format!("Bearer{token}")),
        ("Authorization", format!("Bearer: {token}")),
        ("Authorization", format!("Bearer Bearer {token}")),
        ("Authorization", format!("\"Bearer {token}\"")),
        ("bearer", format!("Bearer {token}")),
        ("bearer", String::new()),
        ("X-Authorization", format!("Bearer {token}")),
        ("Cookie", format!("token={token}; bearer={token}")),
        ("Proxy-Authorization", format!("Bearer {token}")),
        ("X-Forwarded-User", USER.to_owned()),
    ] {
        headers.push(vec![(name.to_owned(), value)]);
    }
    headers
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_that_somebody_made_up_is_taken() {
    let world = World::new(&[]).await;
    let _gateway = world.start().await;
    let elsewhere = CaptureSink::start().await;
    let url = world.url(&format!("/topics/{TEST}"));
    let body = Message::any().body();
    let send = async |headers: &Headers| {
        let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        http::send("POST", &url, &headers, body.as_bytes()).await
    };
    // Otherwise nothing could be told from a refusal.
    for headers in &in_each_place(&good_token()) {
        assert_eq!(send(headers).await.status, 202, "{headers:?}");
    }
    let mut attacks = misplaced();
    let bad = [forged(&elsewhere.url()), invalid(), tampered(size(60, 400))].concat();
    attacks.extend(bad.iter().flat_map(|token| in_each_place(token)));
    let before = world.keys.asked();
    let send = &send;
    let refused = at_once(200, &attacks, |headers| async move {
        let answer = send(headers).await;
        assert_eq!((answer.status, &*answer.text()), (401, REFUSED), "{headers:?}");
    });
    let refused = refused.await.len();
    let asked = world.keys.asked() - before;
    println!("{refused} made up tokens refused; the key server was asked {asked} times");
    assert!(asked <= refused / 10, "the key server was asked {asked} times");
    assert_eq!(elsewhere.count(), 0, "keys were fetched from where a token said");
    for headers in &in_each_place(&good_token()) {
        assert_eq!(send(headers).await.status, 202, "{headers:?}");
    }
}
