"""Rinzler's runs in TensorBoard.

A plugin of one file; nothing needs to import it. Read next: `plugin.py`.
"""
