//! What only a host knows to go wrong, and what only a host's log is told.

use pinlatch::Problem;

pub(crate) fn invalid_credentials() -> Problem {
    Problem::new(401, "invalid_credentials", "Wrong username or password.")
}

pub(crate) fn not_found() -> Problem {
    Problem::new(404, "not_found", "There is nothing here.")
}

pub(crate) fn unavailable() -> Problem {
    Problem::new(503, "unavailable", "The service is not available; try again.")
}

/// Tells the client what it may know, and the log the rest: why a store did not answer, why a signature was refused.
pub(crate) fn tell<E: std::error::Error + 'static>(error: E) -> Problem
where
    Problem: for<'a> From<&'a E>,
{
    let problem = Problem::from(&error);
    match (problem.status(), problem.code()) {
        (500.., code) => tracing::error!(error = &error as &dyn std::error::Error, code),
        (_, code @ "invalid_proof") => tracing::info!(%error, code),
        (_, code) => tracing::debug!(%error, code),
    }
    problem
}
