//! What becomes of the interface, and of the program on it, while it is captured from.

use anyhow::anyhow;

use crate::{
    kernel::{self, Attached, Keeper},
    netlink::{Change, Watch},
};

/// Tells of what happens to the interface, until there is nothing to capture from.
pub async fn until_gone(
    watch: &mut Watch,
    keeper: &mut Keeper,
    attached: &mut Attached,
) -> anyhow::Error {
    loop {
        let name = watch.name().to_owned();
        let change = tokio::select! {
            change = watch.change() => change,
            () = keeper.due() => match keeper.look(attached, &name).await {
                Ok(()) => continue,
                Err(gone) => return gone,
            },
        };
        let change = match change {
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
                warn_of_mtu(attached.most_mtu, mtu);
            }
            Change::Xdp(_) | Change::Links => keeper.hurry(),
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
