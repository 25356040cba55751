"""The completion scripts of the shells.

Each calls the program it completes with `--complete LINE` and reads lines of a candidate, a tab
and its description. Both commands, `zerorpc-client` and `zerorpc`, are completed.
"""

from __future__ import annotations

# Bash takes words apart at the colons of an endpoint, so the whole line is handed over. Reading
# in a loop, since macOS still has bash 3.2 without `mapfile`.
_BASH = r"""
_zerorpc_client() {
    local word rest
    COMPREPLY=()
    while IFS=$'\t' read -r word rest; do
        COMPREPLY+=("$word")
    done < <("${1/#\~/$HOME}" --complete "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
}
complete -o default -F _zerorpc_client zerorpc-client zerorpc
"""

_ZSH = r"""#compdef zerorpc-client zerorpc
_zerorpc_client() {
    local word rest
    local -a found
    while IFS=$'\t' read -r word rest; do
        found+=("${word//:/\\:}:$rest")
    done < <("${words[1]/#\~/$HOME}" --complete "${(j: :)words[1,CURRENT]}" 2>/dev/null)
    if (( $#found )); then _describe 'zerorpc' found; else _files; fi
}
# Either evaluated at start-up, or loaded by the completion system from a file named `_zerorpc`.
if [ "$funcstack[1]" = "_zerorpc" ]; then
    _zerorpc_client "$@"
else
    compdef _zerorpc_client zerorpc-client zerorpc
fi
"""

_FISH = r"""
function __zerorpc_client_complete
    set -l words (commandline -xpc 2>/dev/null; or commandline -opc)
    $words[1] --complete (commandline -cp | string collect) 2>/dev/null
end
complete -c zerorpc-client -c zerorpc -a '(__zerorpc_client_complete)'
"""

_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def script(shell: str) -> str:
    """The script to evaluate in `shell`, which is one of `parser.SHELLS`."""
    return _SCRIPTS[shell].lstrip("\n")
