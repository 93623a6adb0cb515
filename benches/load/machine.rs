//! Where it runs.

use std::process::Command;

/// Leaves the second core to the processes under test.
pub fn stay_on_the_first_core() {
    let id = std::process::id().to_string();
    let moved = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", "0", &id])
        .output()
        .expect("taskset of util-linux runs");
    assert!(moved.status.success(), "{moved:?}");
}

/// The core of the processes under test: the second, where there is one.
pub fn core() -> &'static str {
    if cores() > 1 { "1" } else { "0" }
}

/// How many cores there are.
pub fn cores() -> usize {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    let cores = text.lines().filter(|line| line.starts_with("processor"));
    cores.count()
}

/// One line about the machine, its load and the run.
pub fn describe(quick: bool) -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |model| {
        model.trim_start_matches(['\t', ' ', ':'])
    });
    let load = std::fs::read_to_string("/proc/loadavg").unwrap();
    let load = load.split(' ').next().unwrap();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    format!(
        "Machine: {} cores of {model}, Linux {}; load before the run: {load}{}.\n",
        cores(),
        kernel.split('-').next().unwrap().trim(),
        if quick {
            "; quick run, for orientation only"
        } else {
            ""
        },
    )
}
