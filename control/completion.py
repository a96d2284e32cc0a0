"""Completion for bash and zsh, made from the command table.

The scripts know commands, options and choices; names of services, groups and
hosts they ask the daemon for (`directorctl names`), for a second at the most
and in silence: who completes while it is down gets no names, and no complaint.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from control.commands.command import Command, Names, Option

_METAVARS = {  # what the value of an option is
    "SVC": Names.SERVICE, "GRP": Names.ANY_GROUP, "HOST": Names.ANY_HOST, "LISTEN": Names.ADMIN,
    "FILE": Names.FILE, "PATH": Names.FILE, "DIR": Names.FILE,
}  # fmt: skip


def bash(commands: Sequence[Command], common: Sequence[Option]) -> Iterator[str]:
    """The script for bash."""
    yield from _script(_BASH, commands, common)


def zsh(commands: Sequence[Command], common: Sequence[Option]) -> Iterator[str]:
    """The script for zsh."""
    yield from _script(_ZSH, commands, common)


SHELLS = {"bash": bash, "zsh": zsh}


def _script(template: str, commands: Sequence[Command], common: Sequence[Option]) -> Iterator[str]:
    parts = {
        "COMMANDS": [" ".join(row.name for row in commands)],
        "ROWS": list(_rows(commands)),
        "COMMON": [" ".join(_spelled(common))],
        "VALUES": list(_values([*common, *(option for row in commands for option in row.options)])),
    }
    for line in template.strip("\n").splitlines():
        name = line.strip().strip("%")
        if line.strip() == f"%{name}%":
            yield from (f"{line[: len(line) - len(line.lstrip())]}{part}" for part in parts[name])
        else:
            for key, part in parts.items():
                line = line.replace(f"%{key}%", part[0] if part else "")
            yield line


def _rows(commands: Iterable[Command]) -> Iterator[str]:
    """For each command what its words are, by place, and its options."""
    for row in commands:
        kinds = " ".join(",".join(one.choices) or one.names.value for one in row.arguments)
        yield f"{row.name}) kinds='{kinds}' options='{' '.join(_spelled(row.options))}' ;;"


def _spelled(options: Iterable[Option]) -> Iterator[str]:
    return (spelling for option in options for spelling in option.spellings)


def _values(options: Iterable[Option]) -> Iterator[str]:
    """For each option that takes a value what that is: words to choose from, or a kind."""
    known: dict[str, str] = {}
    for option in options:
        if not option.flag:
            value = " ".join(option.choices) or f"@{_METAVARS.get(option.metavar, Names.VALUE)}"
            known.update(dict.fromkeys(option.spellings, value))
    return (f"{spelling}) value='{value}' ;;" for spelling, value in known.items())


# What both shells run; %...% is filled in. A kind of thing, as opposed to words to choose from, has an @ before it.
_LOOK = """
    # What stands there already: the daemon that is meant, the command, its words so far.
    for ((at = FIRST; at < last; at++)); do
        word=${words[at]}
        value=''
        _directorctl_value "$word"
        if [[ -n $value ]]; then
            case $word in -s|--socket|--run-dir) where+=("$word" "${words[at + 1]}") ;; esac
            ((at++))
            ((at == last)) && wanted=$value given=()
        elif [[ $word == -?* ]]; then
            :
        elif [[ -z $command ]]; then
            command=$word
        else
            given+=("$word")
        fi
    done
    case $command in
        %ROWS%
    esac
    if [[ -z $wanted ]]; then
        if [[ $current == -* ]]; then
            wanted="$options %COMMON%"
        elif [[ -z $command ]]; then
            wanted='%COMMANDS%'
        else
            wanted="@$(_directorctl_kind "${#given[@]}" "$kinds")"
            [[ $wanted == *,* ]] && wanted=${wanted#@} && wanted=${wanted//,/ }  # they are the words
        fi
    fi
"""

_COMMON = """
_directorctl_value() {
    case $1 in
        %VALUES%
    esac
}

_directorctl_kind() {
    set -- "$1" %SPLIT%
    shift "$(($1 + 1))" 2>/dev/null && echo "$1"
}

_directorctl_names() {
    timeout 1 "$@" 2>/dev/null
}
"""

_BASH = (
    """
# Completion of directorctl for bash: source <(directorctl completion bash)
"""
    + _COMMON.replace("%SPLIT%", "$2")
    + """
_directorctl() {
    local at last word value='' command='' kinds='' options='' wanted='' names='' name current line
    local -a words given=() where=()
    # Not COMP_WORDS: those are cut at colons, which names may have.
    line=${COMP_LINE:0:COMP_POINT}
    read -a words <<< "$line"  # without -r: who typed `my\\ host` means one word
    [[ $line == *[[:space:]] ]] && words+=('')
    last=$((${#words[@]} - 1))
    current=${words[last]}
"""
    + _LOOK.replace("FIRST", "1")
    + """
    case $wanted in
        @service|@group|@host) names=$(_directorctl_names "${words[0]}" "${where[@]}" names "${given[@]}") ;;
        @command) names='%COMMANDS%'; names=${names// /$'\\n'} ;;
        @shell) names=$'bash\\nzsh' ;;
        @user|@scheduler|@subsystem|@admin)
            names=$(_directorctl_names "${words[0]}" "${where[@]}" names "--${wanted#@}s") ;;
        @any-group|@any-host) names=$(_directorctl_names "${words[0]}" "${where[@]}" names "--${wanted#@any-}s") ;;
        @listen) names=$(_directorctl_names "${words[0]}" "${where[@]}" names --listens "${given[@]}") ;;
        @file) compopt -o default; COMPREPLY=(); return ;;
        @*) COMPREPLY=(); return ;;
        *) names=${wanted// /$'\\n'} ;;
    esac
    # Not compgen: it would run what a name holds.
    COMPREPLY=()
    while IFS= read -r name; do
        [[ -n $name && $name == "$current"* ]] && COMPREPLY+=("$(printf %q "$name")")
    done <<< "$names"
    # bash replaces only what stands behind the last colon.
    if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${current%"${current##*:}"}"}")
    fi
}

complete -F _directorctl directorctl
"""
)

_ZSH = (
    """
#compdef directorctl
# Completion of directorctl for zsh: directorctl completion zsh > DIR/_directorctl, where DIR is in $fpath
"""
    + _COMMON.replace("%SPLIT%", "${=2}")
    + """
_directorctl() {
    emulate -L zsh
    setopt no_ksh_arrays
    local at last word value='' command='' kinds='' options='' wanted='' current=$words[CURRENT]
    local -a given where names
    last=$CURRENT
"""
    + _LOOK.replace("FIRST", "2")
    + """
    case $wanted in
        @service|@group|@host) names=(${(f)"$(_directorctl_names $words[1] $where names ${(Q)given})"}) ;;
        @command) names=(${=:-%COMMANDS%}) ;;
        @shell) names=(bash zsh) ;;
        @user|@scheduler|@subsystem|@admin)
            names=(${(f)"$(_directorctl_names $words[1] $where names --${wanted#@}s)"}) ;;
        @any-group|@any-host) names=(${(f)"$(_directorctl_names $words[1] $where names --${wanted#@any-}s)"}) ;;
        @listen) names=(${(f)"$(_directorctl_names $words[1] $where names --listens ${(Q)given})"}) ;;
        @file) _files; return ;;
        @*) return 1 ;;
        *) names=(${=wanted}) ;;
    esac
    compadd -- $names
}

if [[ $funcstack[1] == _directorctl ]]; then
    _directorctl "$@"
else
    compdef _directorctl directorctl
fi
"""
)
