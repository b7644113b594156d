//! What becomes of the interface while it is captured from.

use anyhow::anyhow;

use crate::{
    kernel,
    netlink::{Change, Watch},
};

/// Tells of what happens to the interface, until there is nothing to capture from.
pub async fn until_gone(watch: &mut Watch, most_mtu: Option<u32>) -> anyhow::Error {
    loop {
        let name = watch.name().to_owned();
        let change = match watch.change().await {
            Ok(change) => change,
            Err(error) => return error,
        };
        match change {
            Change::Down => {
                say!("vtap: {name} is down; the capture goes on when it is up again");
            }
            Change::Up => say!("vtap: {name} is up again"),
            Change::Renamed(new) => say!("vtap: {name} is now called {new}"),
            Change::Mtu(mtu) => {
                say!("vtap: {name} has an MTU of {mtu} now");
                warn_of_mtu(most_mtu, mtu);
            }
            Change::Xdp(_) | Change::Links => {}
            Change::Gone => {
                return anyhow!(
                    "{name} is gone: it was deleted, or moved to another network namespace; what \
                     it had received until then is accounted for"
                );
            }
        }
    }
}

/// Where frames would be lost that are counted nowhere.
pub fn warn_of_mtu(most: Option<u32>, mtu: u32) {
    if most.is_some_and(|most| mtu > most) {
        // `virtnet_xdp_set` checks the MTU even where it is to take a program off.
        say!(
            "vtap: warning: {}; the driver may drop the others before they are counted, and keeps \
             the program when vtap ends: set the MTU back, stop vtap, and start it anew at the \
             greater MTU with --xdp-mode auto",
            kernel::too_large(mtu)
        );
    }
}
