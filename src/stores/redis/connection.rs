//! One server or a cluster, as the driver has them.

use core::time::Duration;
use std::collections::HashMap;

use ::redis::aio::MultiplexedConnection;
use ::redis::cluster::ClusterClient;
use ::redis::cluster_async::ClusterConnection;
use ::redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use ::redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisResult, from_redis_value};

/// Where the records are.
pub(super) enum Server {
    One(Client),
    Cluster(Box<ClusterClient>),
}

#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Server {
    pub(super) async fn connect(&self, timeout: Duration) -> RedisResult<Connection> {
        match self {
            Self::One(client) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(timeout))
                    .set_response_timeout(Some(timeout));
                client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::One)
            }
            Self::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
        }
    }
}

impl Connection {
    pub(super) async fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        match self {
            Self::One(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }

    /// Asks the server, or each primary of a cluster.
    pub(super) async fn ask_primaries<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<Vec<T>> {
        match self {
            Self::One(connection) => command.query_async(connection).await.map(|answer| vec![answer]),
            Self::Cluster(connection) => {
                let primaries = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                let answers = connection.route_command(command.clone(), primaries).await?;
                Ok(from_redis_value::<HashMap<String, T>>(answers)?.into_values().collect())
            }
        }
    }
}
