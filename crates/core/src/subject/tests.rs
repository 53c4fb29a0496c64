use super::*;

#[test]
fn a_template_makes_one_plain_subject_whatever_a_sender_sends() {
    let template = Template::parse("fleet.repo.{event}.{action}").unwrap();
    for (event, action, expected) in [
        (Some("pull_request"), Some("opened"), "fleet.repo.pull_request.opened"),
        (Some("push"), None, "fleet.repo.push"),
        (Some("a.b"), Some("*"), "fleet.repo.a_b._"),
        (Some(">"), Some(" x\r\n"), "fleet.repo._._x__"),
        (Some("\u{20ac}"), None, "fleet.repo._"),
        (Some(""), None, "fleet.repo"),
        (None, None, "fleet.repo"),
    ] {
        let variables = Variables { source: "github", event, action, ..Variables::default() };
        assert_eq!(template.render(&variables), expected);
    }
}

#[test]
fn the_type_brings_its_own_tokens() {
    let template = Template::parse("fleet.{source}.{type}").unwrap();
    let render = |kind| {
        template.render(&Variables { source: "stripe", kind: Some(kind), ..Variables::default() })
    };
    assert_eq!(render("invoice.paid"), "fleet.stripe.invoice.paid");
    assert_eq!(render("..a..*.>"), "fleet.stripe.a._._");
}

#[test]
fn a_subject_never_exceeds_its_limit_nor_ends_in_a_full_stop() {
    let template = Template::parse("fleet.{type}").unwrap();
    let kind = format!("{}.{}", "a".repeat(193), "b".repeat(100));
    let subject = template.render(&Variables { kind: Some(&kind), ..Variables::default() });
    assert!(subject.len() <= MAX_LENGTH && !subject.ends_with('.'), "{subject}");
}

#[test]
fn a_template_that_could_leave_its_root_is_refused() {
    for (text, error) in [
        ("", InvalidSubject::Empty),
        ("{source}.x", InvalidSubject::VariableRoot),
        ("fleet..x", InvalidSubject::EmptyToken),
        ("fleet.*", InvalidSubject::Character('*')),
        ("fleet.{evnt}", InvalidSubject::Variable("evnt".to_owned())),
        ("fleet.{event", InvalidSubject::Unclosed),
        ("fleet.}{", InvalidSubject::Character('}')),
    ] {
        assert_eq!(Template::parse(text), Err(error));
    }
}

#[test]
fn the_suffix_of_a_type_follows_its_vendor() {
    for (kind, suffix) in [
        ("com.github.push", "push"),
        ("com.stripe.invoice.paid", "invoice.paid"),
        ("com.example", "com.example"),
        ("io.example.x", "io.example.x"),
    ] {
        assert_eq!(type_suffix(kind), suffix);
    }
}

#[test]
fn patterns_match_as_the_server_matches_them() {
    for (pattern, subject, expected) in [
        ("fleet.>", "fleet.a.b", true),
        ("fleet.>", "fleet", false),
        ("fleet.*", "fleet.a", true),
        ("fleet.*", "fleet.a.b", false),
        ("fleet.*.c", "fleet.b.c", true),
        (">", "a", true),
        ("a.b", "a.b", true),
        ("a.b", "a", false),
    ] {
        assert_eq!(
            Pattern::parse(pattern).unwrap().matches(subject),
            expected,
            "{pattern} {subject}"
        );
    }
    for text in ["a.>.b", "a*", "a..b", "", "a b", ".a", "a."] {
        assert!(Pattern::parse(text).is_err(), "{text}");
    }
}

#[test]
fn overlap_and_cover_are_told_apart() {
    for (left, right, overlaps, covers) in [
        ("fleet.>", "fleet.a", true, true),
        ("fleet.a", "fleet.>", true, false),
        ("fleet.*.b", "fleet.a.*", true, false),
        ("fleet.*", "fleet.a.b", false, false),
        ("fleet.*", "fleet.>", true, false),
        ("fleet.*", "fleet.*", true, true),
        ("a.b", "a.c", false, false),
    ] {
        let (left, right) = (Pattern::parse(left).unwrap(), Pattern::parse(right).unwrap());
        assert_eq!(
            (left.overlaps(&right), left.covers(&right)),
            (overlaps, covers),
            "{left} {right}"
        );
    }
}
