//! The settings of each node.

use std::path::Path;

use crate::mysql::Builder;
use crate::ports;

/// A node's ports, apart from its clients' port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    /// For the group's messages.
    group: u16,
    /// For incremental transfers of missed changes.
    increments: u16,
    /// For a full copy.
    copy: u16,
}

impl Ports {
    pub(super) fn free() -> Self {
        Self {
            group: ports::free(),
            increments: ports::free(),
            copy: ports::free(),
        }
    }
}

/// Node `number` of the cluster with these ports.
pub(super) fn node(provider: &Path, all: &[Ports], number: usize) -> Builder {
    let own = all[number];
    let addresses: Vec<_> = all
        .iter()
        .map(|ports| format!("127.0.0.1:{}", ports.group))
        .collect();
    // With shorter timeouts, the cluster does not form.
    let options = format!(
        "gmcast.listen_addr=tcp://127.0.0.1:{};ist.recv_addr=127.0.0.1:{};\
         ist.recv_bind=127.0.0.1:{};gcache.size=32M;\
         evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT6S",
        own.group, own.increments, own.increments
    );
    let copy = format!("127.0.0.1:{}", own.copy);
    let settings: [(&str, &str); 14] = [
        ("innodb_buffer_pool_size", "16M"),
        ("binlog_format", "ROW"),
        ("innodb_autoinc_lock_mode", "2"),
        ("wsrep_on", "ON"),
        ("wsrep_provider", &provider.display().to_string()),
        ("wsrep_cluster_name", "testbed"),
        (
            "wsrep_cluster_address",
            &format!("gcomm://{}", addresses.join(",")),
        ),
        ("wsrep_node_name", &format!("node{number}")),
        ("wsrep_node_address", "127.0.0.1"),
        ("wsrep_sst_method", "rsync"),
        ("wsrep_sst_receive_address", &copy),
        ("wsrep_provider_options", &format!("\"{options}\"")),
        ("wsrep_slave_threads", "2"),
        // A transaction begins after the node has applied every earlier commit of all nodes.
        ("wsrep_sync_wait", "1"),
    ];
    settings
        .into_iter()
        .fold(Builder::of_a_cluster(), |builder, (name, value)| {
            builder.config(name, value)
        })
}
