use time::macros::datetime;

use super::*;
use crate::event::Data;

fn json(text: &str) -> Option<Data> {
    Some(Data::Json(Bytes::copy_from_slice(text.as_bytes())))
}

#[test]
fn github_events_follow_the_adapter_and_its_errata() {
    let verifier = verifier(Scheme::Github);
    let repository = r#""repository":{"url":"https://api.github.com/repos/o/r","name":"r","owner":{"url":"https://api.github.com/users/o"}}"#;
    let sender = r#""sender":{"url":"https://api.github.com/users/octocat"}"#;
    for (event, members, kind, ce_source, subject) in [
        (
            "push",
            r#""ref":"refs/heads/main""#,
            "push",
            "https://api.github.com/repos/o/r",
            Some("refs/heads/main"),
        ),
        (
            "pull_request",
            r#""action":"opened","number":7"#,
            "pull_request.opened",
            "https://api.github.com/repos/o/r",
            Some("7"),
        ),
        (
            "create",
            r#""ref":"v1","ref_type":"tag""#,
            "create.tag",
            "https://api.github.com/repos/o/r",
            Some("v1"),
        ),
        (
            "status",
            r#""sha":"abc","state":"success""#,
            "status",
            "https://api.github.com/repos/o/r",
            Some("abc"),
        ),
        (
            "repository_dispatch",
            r#""action":"deploy it now""#,
            "repository_dispatch.deploy_it_now",
            "https://api.github.com/users/o",
            None,
        ),
        (
            "repository_ruleset",
            r#""action":"edited""#,
            "repository_ruleset.edited",
            "https://api.github.com/users/o",
            Some("r"),
        ),
        (
            "dependabot_alert",
            r#""action":"created","alert":{"number":3}"#,
            "dependabot_alert.created",
            "https://api.github.com/repos/o/r",
            Some("3"),
        ),
        (
            "membership",
            r#""action":"added","scope":"team","member":{"login":"m"}"#,
            "membership.team.added",
            "https://api.github.com/repos/o/r",
            Some("m"),
        ),
        (
            "marketplace_purchase",
            r#""action":"purchased""#,
            "marketplace_purchase.purchased",
            "https://api.github.com/users",
            None,
        ),
        (
            "commit_comment",
            r#""action":"created","comment":{"url":"https://a/c/1","commit_id":"f00","id":1}"#,
            "commit_comment.created",
            "https://a/c/1/f00",
            Some("1"),
        ),
        (
            "security_advisory",
            r#""action":"published","security_advisory":{"ghsa_id":"GHSA-1"}"#,
            "security_advisory.published",
            "github.com",
            Some("GHSA-1"),
        ),
        (
            "github_app_authorization",
            r#""action":"revoked""#,
            "github_app_authorization",
            "https://api.github.com/users/octocat",
            None,
        ),
        (
            "team_add",
            r#""team":{"id":5}"#,
            "team_add",
            "https://api.github.com/repos/o/r",
            Some("5"),
        ),
        ("ping", r#""zen":"z""#, "ping", "https://api.github.com/repos/o/r", None),
        (
            "sub_issues",
            r#""action":"sub_issue_added""#,
            "sub_issues.sub_issue_added",
            "https://api.github.com/repos/o/r",
            None,
        ),
    ] {
        let description = Sample::json(&format!("{{{members},{repository},{sender}}}"))
            .github(event)
            .describe(&verifier);
        assert_eq!(description.kind, format!("com.github.{kind}"));
        assert_eq!(description.ce_source, ce_source, "{event}");
        assert_eq!(description.subject.as_deref(), subject, "{event}");
        assert_eq!(description.event.as_deref(), Some(event));
        assert_eq!(description.id, "d1");
    }
}

#[test]
fn a_github_event_without_its_source_falls_back_step_by_step() {
    let verifier = verifier(Scheme::Github);
    for (body, ce_source) in [
        (r#"{"organization":{"url":"https://o"},"sender":{"url":"https://s"}}"#, "https://o"),
        (r#"{"repository":null,"sender":{"url":"https://s"}}"#, "https://s"),
        (r#"{"repository":{"url":"https://a b/ü"}}"#, "https://a%20b/%C3%BC"),
        (r#"{"repository":{"url":"%"},"sender":{"url":"https://s"}}"#, "https://github.com"),
        (r#"{"repository":"https://r"}"#, "https://github.com"),
        ("Hello, World!", "https://github.com"),
        ("", "https://github.com"),
    ] {
        assert_eq!(
            Sample::json(body).github("team").describe(&verifier).ce_source,
            ce_source,
            "{body}"
        );
    }
}

#[test]
fn a_time_is_the_providers_own_or_none() {
    let (github, slack, stripe) =
        (verifier(Scheme::Github), verifier(Scheme::Slack), verifier(Scheme::Stripe));
    let issues = |value: &str| {
        Sample::json(&format!(r#"{{"issue":{{"updated_at":{value}}}}}"#))
            .github("issues")
            .describe(&github)
            .time
    };
    assert_eq!(issues(r#""2026-01-02T03:04:05+01:00""#), Some(datetime!(2026-01-02 02:04:05 UTC)));
    assert_eq!(issues("1767225600"), Some(datetime!(2026-01-01 00:00 UTC)));
    for odd in
        ["null", "\"\"", "\"yesterday\"", "[]", "99999999999999", "\"9999-12-31T23:59:59-01:00\""]
    {
        assert_eq!(issues(odd), None, "{odd}");
    }
    let release = r#"{"release":{"published_at":null,"created_at":"2026-01-01T00:00:00Z"}}"#;
    assert_eq!(
        Sample::json(release).github("release").describe(&github).time,
        Some(datetime!(2026-01-01 00:00 UTC))
    );
    let event = Sample::json(r#"{"event_time":1767225600}"#).slack();
    assert_eq!(event.describe(&slack).time, Some(datetime!(2026-01-01 00:00 UTC)));
    let thin = Sample::json(r#"{"id":"e","created":"2022-02-15T00:27:45.330Z"}"#).stripe();
    assert_eq!(thin.describe(&stripe).time, Some(datetime!(2022-02-15 00:27:45.33 UTC)));
}

#[test]
fn json_inside_a_form_becomes_the_data() {
    let github = verifier(Scheme::Github);
    let form = Sample::form("payload=%7B%22action%22%3A%22opened+now%22%7D")
        .github("issues")
        .describe(&github);
    assert_eq!(form.data, json(r#"{"action":"opened now"}"#));
    assert_eq!(form.datacontenttype.as_deref(), Some("application/json"));
    assert_eq!(
        (form.kind.as_str(), form.action.as_deref()),
        ("com.github.issues.opened_now", Some("opened now"))
    );

    let slack = verifier(Scheme::Slack);
    let command =
        Sample::form("command=%2Fweather&text=a+b&text=%C3%A9&team_id=T1&channel_id=C1").slack();
    let command = command.describe(&slack);
    assert_eq!(
        command.data,
        json(r#"{"channel_id":"C1","command":"/weather","team_id":"T1","text":["a b","é"]}"#)
    );
    assert_eq!(command.kind, "com.slack.slash_command.weather");
    assert_eq!(command.event.as_deref(), Some("/weather"));
    assert_eq!(
        (command.ce_source.as_str(), command.subject.as_deref()),
        ("https://slack.com/T1", Some("C1"))
    );

    let not_text = Sample::form("a=%ff").slack().describe(&slack);
    assert_eq!(
        not_text.data,
        Some(Data::Text("a=%ff".to_owned())),
        "what is no text stays as it was sent"
    );
}

#[test]
fn slack_events_are_named_by_their_inner_type() {
    let verifier = verifier(Scheme::Slack);
    let body = r#"{"type":"event_callback","event_id":"Ev1","team_id":"T1","event":{"type":"message","subtype":"bot_message","channel":"C1"}}"#;
    let event = Sample::json(body).slack().describe(&verifier);
    assert_eq!((event.id.as_str(), event.kind.as_str()), ("Ev1", "com.slack.message"));
    assert_eq!(
        (event.subject.as_deref(), event.action.as_deref()),
        (Some("C1"), Some("bot_message"))
    );
    assert_eq!(event.data, json(body));

    let payload = r#"payload={"type":"block_actions","team":{"id":"T/2"},"channel":{"id":"C2"}}"#;
    let actions = Sample::form(payload).slack().describe(&verifier);
    assert_eq!(
        (actions.kind.as_str(), actions.ce_source.as_str()),
        ("com.slack.block_actions", "https://slack.com/T%2F2")
    );
    assert_eq!(
        actions.id,
        Sample::form(payload).slack().describe(&verifier).id,
        "a replay is the same event"
    );

    let limited = Sample::json(r#"{"type":"app_rate_limited","api_app_id":"A1"}"#)
        .slack()
        .describe(&verifier);
    assert_eq!(
        (limited.kind.as_str(), limited.ce_source.as_str()),
        ("com.slack.app_rate_limited", "https://slack.com/A1")
    );
}

#[test]
fn stripe_linear_and_standard_webhooks_name_their_events() {
    let stripe = verifier(Scheme::Stripe);
    let body = r#"{"id":"evt_1","type":"customer.created","livemode":false,"data":{"object":{"id":"cus_1"}}}"#;
    let event = Sample::json(body).stripe().describe(&stripe);
    assert_eq!((event.id.as_str(), event.kind.as_str()), ("evt_1", "com.stripe.customer.created"));
    assert_eq!(
        (event.ce_source.as_str(), event.subject.as_deref()),
        ("https://stripe.com/test", Some("cus_1"))
    );
    let connect =
        Sample::json(r#"{"id":"e","account":"acct_1","livemode":true}"#).stripe().describe(&stripe);
    assert_eq!(
        (connect.ce_source.as_str(), connect.kind.as_str()),
        ("https://stripe.com/acct_1", "com.stripe.event")
    );

    let linear = verifier(Scheme::Linear);
    let body = format!(
        r#"{{"action":"create","type":"Comment","organizationId":"o1","data":{{"id":"c1"}},"createdAt":"2020-01-23T12:53:18.084Z","webhookTimestamp":{NOW}000}}"#
    );
    let event = Sample::json(&body).linear().describe(&linear);
    assert_eq!((event.id.as_str(), event.kind.as_str()), ("d1", "com.linear.Comment.create"));
    assert_eq!(
        (event.ce_source.as_str(), event.subject.as_deref()),
        ("https://linear.app/o1", Some("c1"))
    );
    assert_eq!(event.time, Some(datetime!(2020-01-23 12:53:18.084 UTC)));

    let standard = verifier(Scheme::StandardWebhooks);
    for (body, kind) in [
        (r#"{"type":"user.created","timestamp":"2026-01-01T00:00:00Z"}"#, "user.created"),
        (r#"{"type":"user created"}"#, "com.standardwebhooks.event"),
        ("no json", "com.standardwebhooks.event"),
    ] {
        let event = Sample::json(body).standard_webhooks().describe(&standard);
        assert_eq!((event.id.as_str(), event.kind.as_str()), ("msg_1", kind), "{body}");
        assert_eq!(event.ce_source, "/hooks/my-source");
    }
}

#[test]
fn a_body_nested_a_hundred_thousand_deep_is_described_and_kept_as_text() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = format!(r#"{{"action":"opened","x":{deep},"repository":{{"url":"https://r"}}}}"#);
    let event = Sample::json(&body).github("issues").describe(&verifier(Scheme::Github));
    assert_eq!(
        (event.kind.as_str(), event.ce_source.as_str()),
        ("com.github.issues.opened", "https://r")
    );
    assert_eq!(event.data, Some(Data::Text(body)));
}

#[test]
fn a_content_type_that_is_none_is_left_out() {
    let verifier = verifier(Scheme::Github);
    let event =
        Sample::new("{}").with("content-type", "no media type").github("push").describe(&verifier);
    assert_eq!(event.datacontenttype.as_deref(), Some("application/json"));
    assert_eq!(event.data, json("{}"));
}
