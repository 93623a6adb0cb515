//! Where it runs.

use std::process::Command;
use std::sync::LazyLock;

/// Leaves the second core to the processes under test.
pub fn stay_on_the_first_core() {
    let id = std::process::id().to_string();
    let moved = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", first_core(), &id])
        .output()
        .expect("taskset of util-linux runs");
    assert!(moved.status.success(), "{moved:?}");
}

/// The core of what asks and answers.
pub fn first_core() -> &'static str {
    &CORES[0]
}

/// The core of the processes under test: the second, where there is one.
pub fn core() -> &'static str {
    CORES.get(1).unwrap_or(&CORES[0])
}

/// All of them, as `taskset` reads them.
pub fn all_cores() -> String {
    CORES.join(",")
}

/// How many cores there are.
pub fn cores() -> usize {
    CORES.len()
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

/// Those that this process may use when it starts; a container may have been given some only.
static CORES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mut lines = status.lines();
    let allowed = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let ranges = allowed.expect("Linux says which cores").trim().split(',');
    let numbers = ranges.flat_map(|range| {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.parse::<usize>().unwrap();
        number(from)..=number(to)
    });
    numbers.map(|number| number.to_string()).collect()
});
