"""The commands as they are typed: names, options, help.

What a command does is in a module of its own beside this folder, imported when it is called: help, completion and wrong usage
are answered without it.
"""
