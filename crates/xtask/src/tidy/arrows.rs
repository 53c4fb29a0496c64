//! Which crate may depend on which: `core` ← `runtime` ← services and doctor ← `event-bus`.

use std::path::Path;

use anyhow::Context;
use cargo_metadata::{DependencyKind, MetadataCommand};

const CORE: &str = "event-bus-core";
const RUNTIME: &str = "event-bus-runtime";
const DOCTOR: &str = "event-bus-doctor";
const SERVICES: [&str; 4] = [DOCTOR, "relay-outbound", "serve-inbound", "topic-gateway"];

/// What would let `core` wait, reach out or look at the clock of the machine.
const IMPURE: [&str; 9] =
    ["async-nats", "axum", "backon", "hyper", "hyper-util", "moka", "reqwest", "tokio", "tower"];

/// A member of the workspace with the names of what it depends on.
#[derive(Debug, Default)]
pub(super) struct Package {
    pub(super) name: String,
    /// Normal and build dependencies.
    pub(super) uses: Vec<String>,
    pub(super) tests_with: Vec<String>,
}

/// Asks cargo for the members of the workspace, without the network.
pub(super) fn packages(root: &Path) -> anyhow::Result<Vec<Package>> {
    let metadata = MetadataCommand::new()
        .current_dir(root)
        .no_deps()
        .exec()
        .context("running cargo metadata")?;
    let packages = metadata.packages.into_iter().map(|package| {
        let (tests_with, uses): (Vec<_>, Vec<_>) = package
            .dependencies
            .into_iter()
            .partition(|dependency| dependency.kind == DependencyKind::Development);
        let names =
            |list: Vec<cargo_metadata::Dependency>| list.into_iter().map(|one| one.name).collect();
        Package { name: package.name.to_string(), uses: names(uses), tests_with: names(tests_with) }
    });
    Ok(packages.collect())
}

/// One line for each forbidden arrow.
pub(super) fn check(packages: &[Package]) -> Vec<String> {
    let members: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut findings = Vec::new();
    for package in packages {
        let Some(allowed) = allowed(&package.name) else {
            findings.push(format!(
                "crate {} has no place among the arrows of tidy/arrows.rs",
                package.name
            ));
            continue;
        };
        for used in package.uses.iter().filter(|used| members.contains(&used.as_str())) {
            if !allowed.contains(&used.as_str()) {
                findings.push(format!("{} must not depend on {used}", package.name));
            }
        }
        for used in package.tests_with.iter().filter(|used| members.contains(&used.as_str())) {
            // The doctor's own tests need a whole system to look at.
            let looked_at = package.name == DOCTOR && SERVICES.contains(&used.as_str());
            let known = used == "testkit" || *used == package.name || looked_at;
            if !known && !allowed.contains(&used.as_str()) {
                findings.push(format!("the tests of {} must not depend on {used}", package.name));
            }
        }
        if package.name == CORE {
            for used in package.uses.iter().filter(|used| IMPURE.contains(&used.as_str())) {
                findings.push(format!("{CORE} does no I/O and must not depend on {used}"));
            }
        }
    }
    findings
}

/// The members that `package` may use; `None` for a crate that the list does not know.
fn allowed(package: &str) -> Option<Vec<&'static str>> {
    Some(match package {
        CORE | "testkit" | "xtask" => Vec::new(),
        RUNTIME => vec![CORE],
        service if SERVICES.contains(&service) => vec![CORE, RUNTIME],
        "event-bus" => [&[CORE, RUNTIME], SERVICES.as_slice()].concat(),
        "bench" => [&[CORE, RUNTIME, "testkit"], SERVICES.as_slice()].concat(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, uses: &[&str], tests_with: &[&str]) -> Package {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Package { name: name.to_owned(), uses: owned(uses), tests_with: owned(tests_with) }
    }

    fn findings_for(subject: Package) -> Vec<String> {
        let known =
            [CORE, RUNTIME, "serve-inbound", "relay-outbound", "event-bus", "testkit", "xtask"];
        let mut packages: Vec<Package> = known
            .iter()
            .filter(|name| **name != subject.name)
            .map(|name| package(name, &[], &[]))
            .collect();
        packages.push(subject);
        check(&packages)
    }

    #[test]
    fn the_arrows_of_the_house_are_allowed() {
        for (name, uses, tests_with) in [
            (CORE, vec!["serde"], vec!["testkit"]),
            (RUNTIME, vec![CORE, "tokio"], vec!["testkit"]),
            ("serve-inbound", vec![CORE, RUNTIME], vec!["testkit"]),
            (DOCTOR, vec![CORE, RUNTIME], vec!["serve-inbound", "relay-outbound"]),
            ("event-bus", vec![CORE, RUNTIME, "serve-inbound", "relay-outbound"], vec!["testkit"]),
            ("bench", vec!["serve-inbound", "testkit"], vec![]),
        ] {
            assert_eq!(
                findings_for(package(name, &uses, &tests_with)),
                Vec::<String>::new(),
                "{name}"
            );
        }
    }

    #[test]
    fn every_other_arrow_is_found() {
        for (name, uses, tests_with) in [
            (CORE, vec![RUNTIME], vec![]),
            (CORE, vec!["tokio"], vec![]),
            (RUNTIME, vec!["serve-inbound"], vec![]),
            ("serve-inbound", vec!["relay-outbound"], vec![]),
            ("serve-inbound", vec![], vec!["relay-outbound"]),
            ("serve-inbound", vec!["testkit"], vec![]),
            (DOCTOR, vec!["serve-inbound"], vec![]),
            ("event-bus", vec!["testkit"], vec![]),
            ("testkit", vec![CORE], vec![]),
            ("xtask", vec![CORE], vec![]),
            ("a-new-crate", vec![], vec![]),
        ] {
            assert_eq!(
                findings_for(package(name, &uses, &tests_with)).len(),
                1,
                "{name} {uses:?} {tests_with:?}"
            );
        }
    }
}
