//! The crate graph: edges point down, and siblings do not know each other.

use serde_json::Value;

use crate::cargo;
use crate::files::File;

/// Which of our crates each of them may name. A crate that is not listed fails the rule.
const EDGES: [(&str, &[&str]); 7] = [
    ("gmp", &["gmp-sched", "gmp-netpoll", "gmp-preempt", "gmp-macros"]),
    ("gmp-sched", &["gmp-context"]),
    ("gmp-context", &[]),
    ("gmp-netpoll", &[]),
    ("gmp-preempt", &[]),
    ("gmp-macros", &[]),
    ("gmp-top", &["gmp"]), // for its tests
];

pub(super) fn check(_: &[File], breaches: &mut Vec<String>) {
    match cargo::metadata() {
        Ok(metadata) => breaches.extend(wrong(&metadata)),
        Err(error) => breaches.push(error),
    }
}

fn wrong(metadata: &Value) -> Vec<String> {
    let mut breaches = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        if !package["publish"].is_null() {
            continue; // Tools may use what they measure.
        }
        let Some((_, allowed)) = EDGES.iter().find(|(krate, _)| *krate == name) else {
            breaches.push(format!("{name}: a new crate: give it its place in xtask's EDGES"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            // Itself: how tests switch on optional parts.
            let ours = to != name && EDGES.iter().any(|(krate, _)| *krate == to);
            if ours && !allowed.contains(&to) {
                breaches.push(format!("{name} → {to}: this edge points up or sideways"));
            }
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::wrong;

    #[test]
    fn an_edge_upwards_is_found() {
        let package = |name: &str, to: &str| json!({"name": name, "dependencies": [{"name": to}]});
        let good = json!({"packages": [package("gmp-sched", "gmp-context")]});
        assert!(wrong(&good).is_empty());
        let own = json!({"packages": [package("gmp-sched", "gmp-sched")]});
        assert!(wrong(&own).is_empty());
        let bad = json!({"packages": [package("gmp-netpoll", "gmp-sched")]});
        assert_eq!(wrong(&bad).len(), 1);
        let new = json!({"packages": [package("gmp-other", "libc")]});
        assert_eq!(wrong(&new).len(), 1);
    }
}
