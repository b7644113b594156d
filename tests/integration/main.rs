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

use std::{
    collections::{BTreeMap, HashMap},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Result;
use libtest_mimic::{Arguments, Trial};
use nix::sys::signal::{SigHandler, Signal, signal};
use vtap_tests::{
    capture,
    need::{Need, in_emulation},
};

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
    // `nohup` has this signal ignored, and a capture would inherit that.
    // SAFETY: no handler is installed, and there is no other thread yet.
    unsafe { signal(Signal::SIGHUP, SigHandler::SigDfl) }.expect("it is a valid signal");
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
    // Of all tests. What is needed is looked for once, which takes long enough in emulation.
    let always = [Need::Root, Need::Program("ip")].into_iter().find_map(Need::missing);
    let always =
        always.or_else(|| (!binary.exists()).then(|| format!("needs {}", binary.display())));
    let mut tests: Vec<_> = modules.into_iter().flat_map(|all| all()).collect();
    // libtest_mimic knows one part of a name only.
    if let Some(parts) = arguments.filter.take() {
        tests.retain(|test| parts.split(',').any(|part| chosen(&test.name, part, &arguments)));
    }
    let mut known = HashMap::new();
    let took = Took::default();
    let trials = tests.into_iter().map(|test| {
        let mut missing =
            |need: &Need| known.entry(*need).or_insert_with(|| need.missing()).clone();
        let missing = always.clone().or_else(|| test.needs.iter().find_map(&mut missing));
        if let Some(reason) = &missing {
            println!("skipped: {}: {reason}", test.name);
        }
        let (name, took) = (test.name.clone(), took.clone());
        let run = move || {
            let begin = Instant::now();
            let result = (test.run)();
            took.add(&test.name, begin.elapsed());
            let result = result.map_err(|error| format!("{error:#}"));
            // A guest may come to no end, where all of them are told.
            if let (Err(error), true) = (&result, in_emulation()) {
                println!("\n{error}");
            }
            result.map_err(Into::into)
        };
        Trial::test(name, run).with_ignored_flag(missing.is_some())
    });
    let trials = trials.collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    took.print();
    conclusion.exit_code()
}

fn chosen(name: &str, part: &str, arguments: &Arguments) -> bool {
    if arguments.exact { name == part } else { name.contains(part) }
}

/// How long each file of tests took.
#[derive(Clone, Default)]
struct Took(Arc<Mutex<BTreeMap<String, Duration>>>);

impl Took {
    fn add(&self, test: &str, time: Duration) {
        let file = test.split("::").next().unwrap_or_default().to_owned();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(file).or_default() += time;
    }

    fn print(&self) {
        for (file, time) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            println!("took: {file} {:.1} s", time.as_secs_f32());
        }
    }
}
