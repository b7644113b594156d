//! Drives the real binary over real interfaces. Each test has namespaces of its own.

mod attachment;
mod coalesced;
mod compressed;
mod corpus;
mod cpus;
mod damaged;
mod delivery;
mod differential;
mod ending;
mod errors;
mod faults;
mod files;
mod foreign;
mod formats;
mod forms;
mod interfaces;
mod lab;
mod lanes;
mod lifecycle;
mod link_layers;
mod malformed;
mod mode;
mod offline;
mod outputs;
mod promiscuous;
mod rate;
mod selection;
mod verdict;
mod wanted;

use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::{Arguments, Trial};
use vtap_tests::{capture, need::Need};

/// A test, and what it needs of the machine.
struct Test {
    name: String,
    needs: Vec<Need>,
    run: Box<dyn Fn() -> Result<()> + Send>,
}

/// Lists the tests of a file, each with what it needs: a [`Need`], or the name of a program.
macro_rules! tests {
    ($($name:ident [$($need:expr),*],)+) => {
        pub fn all() -> Vec<crate::Test> {
            let file = module_path!().rsplit("::").next().unwrap_or_default();
            vec![$(crate::Test {
                name: format!("{file}::{}", stringify!($name)),
                needs: vec![$(vtap_tests::need::Need::from($need)),*],
                run: Box::new($name),
            }),+]
        }
    };
}
pub(crate) use tests;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They measure rates and losses, and would disturb one another.
    arguments.test_threads = arguments.test_threads.or(Some(1));
    let binary = capture::binary();
    let modules = [
        attachment::all,
        coalesced::all,
        corpus::all,
        cpus::all,
        compressed::all,
        damaged::all,
        delivery::all,
        differential::all,
        ending::all,
        errors::all,
        faults::all,
        files::all,
        foreign::all,
        formats::all,
        forms::all,
        interfaces::all,
        link_layers::all,
        lab::all,
        lanes::all,
        lifecycle::all,
        malformed::all,
        mode::all,
        offline::all,
        promiscuous::all,
        outputs::all,
        rate::all,
        selection::all,
        verdict::all,
        wanted::all,
    ];
    // Of all tests; looked for once, which for every one takes long in emulation.
    let always = [Need::Root, Need::Program("ip")].into_iter().find_map(Need::missing);
    let always =
        always.or_else(|| (!binary.exists()).then(|| format!("needs {}", binary.display())));
    let tests = modules.into_iter().flat_map(|all| all()).map(|test| {
        let missing = test.needs.iter().find_map(|need| need.missing());
        let missing = always.clone().or(missing);
        if let Some(reason) = &missing {
            println!("skipped: {}: {reason}", test.name);
        }
        let run = move || (test.run)().map_err(|error| format!("{error:#}").into());
        Trial::test(test.name, run).with_ignored_flag(missing.is_some())
    });
    libtest_mimic::run(&arguments, tests.collect()).exit_code()
}
