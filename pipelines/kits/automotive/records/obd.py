"""The names of trouble codes and of live readings, as python-OBD (obd) lists them."""

SOURCE = "obd:codes.DTC"


def code_names() -> dict[str, str]:
    """Trouble code → its name, where no other code has the same."""
    named = all_code_names()
    names = list(named.values())
    return {code: name for code, name in named.items() if names.count(name) == 1}


def readings() -> dict[str, str]:
    """Mode and PID (010C) → what it reads, where no other PID's name differs by letters' case or a figure alone."""
    from obd.commands import __mode1__

    names_by_pid = {
        command.command.decode(): command.desc
        for command in __mode1__
        if not command.desc.startswith(("Supported PIDs", "02 ", "O2:", "Various"))
    }
    lower_names = [name.casefold() for name in names_by_pid.values()]
    return {pid: name for pid, name in names_by_pid.items() if lower_names.count(name.casefold()) == 1}


def all_code_names() -> dict[str, str]:
    """Trouble code → its name; some codes share theirs."""
    from obd.codes import DTC

    return {code: name.replace("'", "") for code, name in DTC.items()}
