//! Quotas, read from trees made of plain files.

use super::*;

/// A file system in a folder of its own, removed at the end.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str, files: &[(&str, &str)]) -> Tree {
        let root = std::env::temp_dir().join(format!("gmp-cpus-{}-{name}", std::process::id()));
        let tree = Tree(root);
        for (path, content) in files {
            let path = tree.0.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, content).expect("written");
        }
        tree
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const V2: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
const V1: &str = "22 1 0:5 / /proc rw - proc proc rw\n\
    33 25 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
    34 25 0:30 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory\n";

fn v2(name: &str, files: &[(&str, &str)]) -> Option<usize> {
    let mut all = vec![("proc/self/cgroup", "0::/a/b/c\n"), ("proc/self/mountinfo", V2)];
    all.extend(files);
    quota(&Tree::new(name, &all).0)
}

#[test]
fn the_tightest_of_all_ancestors_counts() {
    let files = [
        ("sys/fs/cgroup/a/cpu.max", "300000 100000\n"),
        ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
        ("sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n"),
    ];
    assert_eq!(v2("ancestors", &files), Some(3));
}

#[test]
fn parts_of_a_cpu_are_rounded_up() {
    assert_eq!(v2("half", &[("sys/fs/cgroup/a/b/c/cpu.max", "50000 100000\n")]), Some(1));
    assert_eq!(v2("more", &[("sys/fs/cgroup/a/b/c/cpu.max", "250001 100000\n")]), Some(3));
}

#[test]
fn no_quota_is_no_limit() {
    assert_eq!(v2("none", &[("sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n")]), None);
    assert_eq!(v2("empty", &[]), None);
    assert_eq!(quota(&Tree::new("nothing", &[("x", "")]).0), None);
}

#[test]
fn nonsense_is_no_limit() {
    assert_eq!(v2("words", &[("sys/fs/cgroup/a/b/c/cpu.max", "many few\n")]), None);
    assert_eq!(v2("zero", &[("sys/fs/cgroup/a/b/c/cpu.max", "100000 0\n")]), None);
}

#[test]
fn version_1_is_understood() {
    let tree = Tree::new(
        "v1",
        &[
            ("proc/self/cgroup", "9:memory:/m\n4:cpu,cpuacct:/docker/x\n1:name=systemd:/s\n"),
            ("proc/self/mountinfo", V1),
            ("sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_quota_us", "200000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us", "100000\n"),
        ],
    );
    assert_eq!(quota(&tree.0), Some(2));
}

#[test]
fn a_container_sees_its_group_mounted_as_the_root() {
    let tree = Tree::new(
        "mounted",
        &[
            ("proc/self/cgroup", "0::/docker/x/y\n"),
            ("proc/self/mountinfo", "1 2 0:3 /docker/x /cg rw - cgroup2 none rw\n"),
            ("cg/cpu.max", "400000 100000\n"),
            ("cg/y/cpu.max", "1000000 100000\n"),
        ],
    );
    assert_eq!(quota(&tree.0), Some(4));
}

#[test]
fn the_default_is_within_bounds() {
    assert!((1..=MAX_PROCS).contains(&default_procs()));
}
