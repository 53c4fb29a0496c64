use super::*;
use crate::signature::SecretProblem;

#[test]
fn published_signatures_are_made_again() {
    let secret = |text| SigningSecret::new(text);
    assert_eq!(
        sign::github(&secret("It's a Secret to Everybody"), b"Hello, World!"),
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    );
    let command = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
        &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
        &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
        &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    assert_eq!(
        sign::slack(&secret("8f742231b10e8888abcd99yyyzzz85a5"), 1_531_420_618, command),
        "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    );
    assert_eq!(
        sign::standard_webhooks(
            &[secret(WHSEC), secret("C2FVsBQIhrscChlQIMV+b5sSYspob7oD")],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#
        )
        .unwrap()
        .split(' ')
        .next(),
        Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    );
}

/// The first key pair of RFC 8032 section 7.1.
#[test]
fn a_private_key_signs_what_its_public_key_verifies() {
    let seed = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    let public = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let pair =
        "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg==";
    let body = br#"{"test": 2432232314}"#;
    let verifier =
        Verifier::new(Scheme::StandardWebhooks, vec![secret(&format!("whpk_{public}"))], None)
            .unwrap();
    for key in [seed, pair] {
        let keys = [secret(&format!("whsk_{key}"))];
        let signature = sign::standard_webhooks(&keys, "msg_1", NOW, body).unwrap();
        assert!(signature.starts_with("v1a,"), "{signature}");
        let sample = Sample::new(&body[..]).standard_webhooks();
        assert_eq!(
            sample.refusal(&verifier),
            Some(Rejection::NoSupportedScheme),
            "v1 is not for public keys"
        );
        let sample = sample.with("webhook-signature", signature);
        assert_eq!(sample.refusal(&verifier), None);
        assert_eq!(
            sample.with("webhook-id", "msg_2").refusal(&verifier),
            Some(Rejection::SignatureMismatch)
        );
    }
}

#[test]
fn a_receiver_accepts_either_of_two_secrets_while_they_change() {
    let (old, new) = (secret(WHSEC), secret("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"));
    let signer = sign::StandardWebhooksSigner::new(&[new.clone(), old.clone()]).unwrap();
    let sample = Sample::json("{}")
        .standard_webhooks()
        .with("webhook-signature", signer.sign("msg_1", NOW, b"{}"));
    for known in [old, new] {
        let verifier = Verifier::new(Scheme::StandardWebhooks, vec![known], None).unwrap();
        assert_eq!(sample.refusal(&verifier), None);
    }
}

#[test]
fn nothing_is_signed_with_a_key_that_cannot() {
    for (text, expected) in [
        ("", SecretProblem::Empty),
        ("whsec_?", SecretProblem::NotBase64),
        ("whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", SecretProblem::PublicKey),
        ("whsk_AAAA", SecretProblem::NotEd25519),
    ] {
        assert_eq!(
            sign::StandardWebhooksSigner::new(&[secret(text)]).err(),
            Some(expected),
            "{text}"
        );
    }
    assert_eq!(sign::StandardWebhooksSigner::new(&[]).err(), Some(SecretProblem::Missing));
}
