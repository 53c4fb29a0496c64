//! The CloudEvents adapter for GitHub as data, one row per event.
//!
//! Generated once from `cloudevents/adapters/github.md` (71 sections) and compared with its machine form in a test.
//! Deviations from the specification are decided in `adapter`, except alternatives of a subject, which stand here.

use Source::{Joined, Literal, Parent, Path};

/// Where `source` comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The value at a path.
    Path(&'static str),
    /// The values at two paths with `/` between them.
    Joined(&'static str, &'static str),
    /// The value at a path without its last segment.
    Parent(&'static str),
    /// A fixed text.
    Literal(&'static str),
}

/// The attributes of one event. Paths lead into the payload; of several the first that is there counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// The value of `X-GitHub-Event`.
    pub(super) event: &'static str,
    /// `source`.
    pub(super) source: Source,
    /// What follows `com.github.<event>.`: all of them, with dots.
    pub(super) suffix: &'static [&'static str],
    /// `subject`.
    pub(super) subject: &'static [&'static str],
    /// `time`; none means the time of receipt.
    pub(super) time: &'static [&'static str],
}

/// The rule for events that the specification does not list.
pub(super) const DEFAULT: Rule = rule("", Path("repository.url"), &["action"], &[], &[]);

/// The rules by name of the event: event, source, suffix of the type, subject, time.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule("branch_protection_configuration", Path("repository.url"), &["action"], &[], &[]),
    rule("branch_protection_rule", Path("repository.url"), &["action"], &["rule.id"], &["rule.updated_at"]),
    rule("check_run", Path("repository.url"), &["action"], &["check_run.id"], &["check_run.completed_at", "check_run.started_at"]),
    rule("check_suite", Path("repository.url"), &["action"], &["check_suite.id"], &["check_suite.updated_at"]),
    rule("code_scanning_alert", Path("repository.url"), &["action"], &["alert.number"], &[]),
    rule("commit_comment", Joined("comment.url", "comment.commit_id"), &["action"], &["comment.id"], &["comment.updated_at"]),
    rule("content_reference", Path("repository.url"), &["action"], &["content_reference.id"], &[]),
    rule("create", Path("repository.url"), &["ref_type"], &["ref"], &[]),
    rule("custom_property", Path("repository.url"), &["action"], &["definition.property_name"], &[]),
    rule("custom_property_values", Path("repository.url"), &["action"], &[], &[]),
    rule("delete", Path("repository.url"), &["ref_type"], &["ref"], &[]),
    rule("dependabot_alert", Path("repository.url"), &["action"], &["alert.id", "alert.number"], &[]),
    rule("deploy_key", Path("repository.url"), &["action"], &["key.id"], &["key.deleted_at", "key.created_at"]),
    rule("deployment", Path("repository.url"), &[], &["deployment.id"], &["deployment.updated_at"]),
    rule("deployment_protection_rule", Path("deployment.url"), &["action"], &["deployment.id"], &[]),
    rule("deployment_review", Path("deployment.url"), &["action"], &["workflow_run.id"], &[]),
    rule("deployment_status", Path("deployment.url"), &["deployment_status.state"], &["deployment_status.url"], &["deployment_status.updated_at"]),
    rule("discussion", Path("repository.url"), &["action"], &["discussion.id"], &[]),
    rule("discussion_comment", Path("repository.url"), &["action"], &["discussion.id"], &["comment.updated_at"]),
    rule("fork", Path("repository.url"), &[], &["forkee.url"], &["forkee.created_at"]),
    rule("github_app_authorization", Path("sender.url"), &[], &[], &[]),
    rule("gollum", Path("repository.url"), &[], &[], &[]),
    rule("installation", Path("installation.account.url"), &["action"], &["installation.id"], &["installation.updated_at"]),
    rule("installation_repositories", Path("installation.account.url"), &["action"], &["installation.id"], &["installation.updated_at"]),
    rule("installation_target", Path("installation.account.url"), &["action"], &["installation.id"], &[]),
    rule("issue_comment", Path("issue.url"), &["action"], &["comment.id"], &["comment.updated_at"]),
    rule("issues", Path("repository.url"), &["action"], &["issue.number"], &["issue.updated_at"]),
    rule("label", Path("repository.url"), &["action"], &["label.name"], &[]),
    rule("marketplace_purchase", Parent("sender.url"), &["action"], &["marketplace_purchase.account.login"], &["effective_date"]),
    rule("member", Path("repository.url"), &["action"], &["member.login"], &[]),
    rule("membership", Path("team.url"), &["scope", "action"], &["member.login"], &[]),
    rule("merge_group", Path("repository.url"), &["action"], &["merge_group.head_ref"], &[]),
    rule("meta", Path("repository.url"), &["action"], &["hook_id"], &["hook.updated_at"]),
    rule("milestone", Path("repository.url"), &["action"], &["milestone.number"], &["milestone.updated_at"]),
    rule("org_block", Path("organization.url"), &["action"], &["blocked_user.login"], &[]),
    rule("organization", Path("organization.url"), &["action"], &["membership.user.login"], &[]),
    rule("package", Path("repository.url"), &["action"], &["package.id"], &["package.updated_at", "package.created_at"]),
    rule("page_build", Path("repository.url"), &[], &["build.url"], &["pusher.updated_at"]),
    rule("project", Path("repository.url"), &["action"], &["project.id"], &["project.updated_at"]),
    rule("project_card", Path("repository.url"), &["action"], &["project_card.id"], &["project_card.updated_at"]),
    rule("project_column", Path("repository.url"), &["action"], &["project_column.id"], &["project_column.updated_at"]),
    rule("projects_v2", Path("repository.url"), &["action"], &["projects_v2.id"], &["projects_v2.updated_at"]),
    rule("projects_v2_item", Path("repository.url"), &["action"], &["projects_v2_item.id"], &["projects_v2_item.updated_at"]),
    rule("projects_v2_status_update", Path("repository.url"), &["action"], &["projects_v2_status_update.id"], &["projects_v2_status_update.updated_at"]),
    rule("public", Path("repository.owner.url"), &[], &["repository.name"], &["repository.updated_at"]),
    rule("pull_request", Path("repository.url"), &["action"], &["number"], &["pull_request.updated_at"]),
    rule("pull_request_review", Path("pull_request.url"), &["action"], &["review.id"], &["review.submitted_at"]),
    rule("pull_request_review_comment", Path("pull_request.url"), &["action"], &["comment.id"], &["pull_request.updated_at"]),
    rule("pull_request_review_thread", Path("pull_request.url"), &["action"], &["pull_request.id"], &[]),
    rule("push", Path("repository.url"), &[], &["ref"], &[]),
    rule("registry_package", Path("repository.url"), &["action"], &["registry_package.html_url"], &["registry_package.updated_at"]),
    rule("release", Path("repository.url"), &["action"], &["release.id"], &["release.published_at", "release.created_at"]),
    rule("repository", Path("repository.owner.url"), &["action"], &["repository.name"], &["repository.updated_at"]),
    rule("repository_advisory", Path("repository.url"), &["action"], &["repository_advisory.ghsa_id"], &["repository_advisory.updated_at"]),
    rule("repository_dispatch", Path("repository.owner.url"), &["action"], &[], &[]),
    rule("repository_import", Path("repository.owner.url"), &[], &["repository.name"], &["repository.updated_at"]),
    rule("repository_ruleset", Path("repository.owner.url"), &["action"], &["repository.name"], &["repository.updated_at"]),
    rule("repository_vulnerability_alert", Path("repository.url"), &["action"], &["alert.id"], &[]),
    rule("secret_scanning_alert", Path("repository.url"), &["action"], &["alert.number"], &["alert.updated_at", "alert.created_at"]),
    rule("secret_scanning_alert_location", Path("repository.url"), &["action"], &["alert.number"], &["alert.updated_at", "alert.created_at"]),
    rule("security_advisory", Literal("github.com"), &["action"], &["security_advisory.ghsa_id"], &["security_advisory.updated_at"]),
    rule("security_and_analysis", Path("repository.url"), &[], &[], &[]),
    rule("sponsorship", Path("repository.url"), &["action"], &["sponsorship.sponsor.login"], &[]),
    rule("star", Path("repository.url"), &["action"], &[], &["starred_at"]),
    rule("status", Path("repository.url"), &[], &["sha"], &["updated_at"]),
    rule("team", Path("repository.url"), &["action"], &["team.id"], &["updated_at"]),
    rule("team_add", Path("repository.url"), &["action"], &["team.id"], &[]),
    rule("watch", Path("repository.url"), &["action"], &[], &[]),
    rule("workflow_dispatch", Path("repository.url"), &[], &["workflow"], &[]),
    rule("workflow_job", Path("repository.url"), &["action"], &["workflow_job.name"], &[]),
    rule("workflow_run", Path("repository.url"), &["action"], &["workflow.name"], &[]),
];

const fn rule(
    event: &'static str,
    source: Source,
    suffix: &'static [&'static str],
    subject: &'static [&'static str],
    time: &'static [&'static str],
) -> Rule {
    Rule { event, source, suffix, subject, time }
}
