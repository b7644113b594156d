//! `vtap`: captures the inner packets of mirrored cloud traffic.

use std::process::ExitCode;

use vtap_user::{cli, kernel, say, session, standard};

/// SAFETY: the C library calls what stands in this section before `main`, one function after the
/// other, on the only thread there is. Arguments that a function does not take do no harm, and this
/// one makes system calls and sets atomics, for which nothing need be set up.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = standard::look;

/// It failed; the command line was right. clap exits with 2 where that is wrong.
const FAILED: u8 = 1;

fn main() -> ExitCode {
    let log = env_logger::Target::Pipe(Box::new(say::Log));
    env_logger::Builder::from_default_env().target(log).init();
    let result = match cli::Cli::of_process().command {
        cli::Command::Capture(args) => match args.check() {
            Ok(plan) => session::run(&plan),
            Err(error) => error.exit(),
        },
    };
    let code = match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let remedy = kernel::too_many_files(&error);
            let remedy = remedy.map_or_else(String::new, |remedy| format!("; {remedy}"));
            say!("vtap: {error:#}{remedy}");
            ExitCode::from(FAILED)
        }
    };
    say::finish();
    code
}
