//! `ratesheet completions`: what makes a shell complete the command's arguments.
//! Touches: standard output.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{exit::Exit, tell};

/// For whom.
#[derive(Debug, clap::Args)]
#[command(after_help = "For bash: ratesheet completions bash > \
    ~/.local/share/bash-completion/completions/ratesheet\n\
    For zsh, a folder of $fpath: ratesheet completions zsh > ~/.zfunc/_ratesheet\n\
    For fish: ratesheet completions fish > ~/.config/fish/completions/ratesheet.fish")]
pub(super) struct Arguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Writes the completions of a shell.
pub(super) fn completions(arguments: &Arguments) -> Exit {
    tell(&text(arguments.shell), Exit::Done)
}

fn text(shell: Shell) -> String {
    let mut bytes = Vec::new();
    clap_complete::generate(
        shell,
        &mut super::Arguments::command(),
        env!("CARGO_BIN_NAME"),
        &mut bytes,
    );
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_is_told_of_every_command() {
        for shell in Shell::value_variants() {
            let text = text(*shell);
            for command in super::super::Arguments::command().get_subcommands() {
                assert!(text.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
            assert!(text.contains("log-level") || text.contains("--log-level"), "{shell}");
        }
    }
}
