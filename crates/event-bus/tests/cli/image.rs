//! What the image says of itself is true: its manifest, its modes, its files.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

fn file(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../images/event-bus")).join(path)
}

fn json(path: &str) -> Value {
    serde_json::from_slice(&fs::read(file(path)).unwrap()).unwrap()
}

#[test]
fn the_manifest_follows_its_schema_and_names_what_is_there() {
    let (manifest, schema) = (json("image.json"), json("image.schema.json"));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems: Vec<_> = validator.iter_errors(&manifest).map(|each| each.to_string()).collect();
    assert!(problems.is_empty(), "{problems:?}");
    let mut without_doctor = manifest.clone();
    without_doctor.as_object_mut().unwrap().remove("doctor");
    assert!(!validator.is_valid(&without_doctor), "the schema must ask for a doctor");
    for path in ["/setup/sh", "/setup/ps1", "/doctor/cmd"] {
        let named = manifest.pointer(path).unwrap().as_str().unwrap();
        assert!(file(named).is_file(), "{path} names {named}, which is not there");
    }
    let entrypoint = fs::read_to_string(file("entrypoint.sh")).unwrap();
    let modes = manifest["services"][1]["entrypointModes"].as_array().unwrap();
    let line = entrypoint.lines().find(|line| line.contains("exec event-bus")).unwrap();
    let known: Vec<_> = line.split(')').next().unwrap().split('|').map(str::trim).collect();
    assert_eq!(modes.iter().map(|mode| mode.as_str().unwrap()).collect::<Vec<_>>(), known);
}
