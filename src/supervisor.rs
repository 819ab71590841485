//! The room above the rooms.

mod config;
mod intensity;

pub use self::{config::SupervisionConfig, intensity::RestartIntensity};
