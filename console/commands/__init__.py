"""The commands of `desk`, a module for each group of them.

asking   how each asks the desk, and shows what it says
options  what several are given
acts     those that ask for an act and differ in nothing but its name
groups   how a group is made
"""
