//! A Redis cluster of one's own.

use std::process::Command;

use crate::{Redis, run, wait_until};

/// Three primaries.
#[derive(Debug)]
pub struct RedisCluster([Redis; 3]);

impl RedisCluster {
    /// Starts the nodes and joins them.
    #[must_use]
    pub fn start() -> Self {
        let nodes = [(); 3].map(|()| Redis::start_with(&["--cluster-enabled", "yes"]));
        let mut join = Command::new("redis-cli");
        join.args(["--cluster", "create"]);
        join.args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port()))).arg("--cluster-yes");
        run(&mut join);
        for node in &nodes {
            let state = || node.command(&["CLUSTER", "INFO"]);
            wait_until("the cluster is whole", || {
                let state = state();
                state.contains("cluster_state:ok") && state.contains("cluster_known_nodes:3")
            });
        }
        Self(nodes)
    }

    /// Its nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Redis] {
        &self.0
    }

    /// Its nodes, to kill them.
    pub fn nodes_mut(&mut self) -> &mut [Redis] {
        &mut self.0
    }

    /// Where clients find it.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.0.iter().map(Redis::url).collect()
    }
}
