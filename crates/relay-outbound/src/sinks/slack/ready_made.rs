//! Messages that need no writing.

use schemars::JsonSchema;
use serde::Deserialize;

/// A ready-made message. All but the last two are for events of GitHub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReadyMade {
    /// `pull_request`, closed by merging; a filter `data.pull_request.merged == true` selects these.
    PullRequestMerged,
    /// `issues`, action `opened`.
    IssueOpened,
    /// `issue_comment`, `commit_comment`, `pull_request_review_comment` and `discussion_comment`.
    Comment,
    /// `workflow_run`.
    WorkflowRun,
    /// `deployment` and `deployment_status`.
    Deployment,
    /// `repository_dispatch` and `workflow_dispatch`.
    Dispatch,
    /// A gap between what a contract says and what is there; data may hold `kind`, `contract`, `producer`, `consumers`,
    /// `message` and `url`.
    ContractGap,
    /// Any event.
    Event,
}

impl ReadyMade {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::PullRequestMerged,
        Self::IssueOpened,
        Self::Comment,
        Self::WorkflowRun,
        Self::Deployment,
        Self::Dispatch,
        Self::ContractGap,
        Self::Event,
    ];

    /// The template.
    pub fn text(self) -> &'static str {
        let text = match self {
            Self::PullRequestMerged => include_str!("templates/pull-request-merged.txt"),
            Self::IssueOpened => include_str!("templates/issue-opened.txt"),
            Self::Comment => include_str!("templates/comment.txt"),
            Self::WorkflowRun => include_str!("templates/workflow-run.txt"),
            Self::Deployment => include_str!("templates/deployment.txt"),
            Self::Dispatch => include_str!("templates/dispatch.txt"),
            Self::ContractGap => include_str!("templates/contract-gap.txt"),
            Self::Event => include_str!("templates/event.txt"),
        };
        text.trim_end()
    }
}
