//! The process: arguments, environment, standard streams, exit codes. One file per subcommand.

pub(crate) mod check;
pub(crate) mod layers;

/// How a process ends that could not read its credentials: `EX_NOPERM` of BSD's sysexits.
pub(crate) const EXIT_CREDENTIALS: u8 = 77;

/// How a process ends whose configuration is unusable: `EX_CONFIG` of BSD's sysexits.
pub(crate) const EXIT_CONFIG: u8 = 78;
