"""Who is it?"""
